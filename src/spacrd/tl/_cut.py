"""Cut a section where the F1 that is expected over its possible shares of cancer is highest."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from ..model import Level
from ._mixture import Threshold

FLIPS = 0.25
"""Share of the scenarios with another call from which a spot is uncertain."""
MOST_UNCERTAIN = 0.2
"""Largest share of a section that is called uncertain."""
CLIP = 1e-6


def expected_f1_cut(likelihood: np.ndarray, level: Level) -> Threshold:
    """Choose the number of called spots that maximises the expected F1, without labels.

    In each scenario the logits are moved until their mean likelihood is its share; F1 of k called spots is then
    ``2 sum_k p / (k + sum p)``, with ``sum_k`` over these spots. The number stays within one standard deviation of
    the level.
    """
    probability = np.sort(_scenarios(likelihood, level), axis=0)[::-1]
    if not len(probability):
        return Threshold(0.5, "0.5 (no spot has a likelihood)")
    n, shares = len(probability), expit(logit(level.share) + level.spread * np.array([-1.0, 1.0]))
    fewest, most = (int(np.clip(round(n * share), 1, n)) for share in shares)
    called = fewest + int(np.argmax(_f1(probability).mean(axis=1)[fewest - 1 : most]))
    ordered = np.sort(likelihood[np.isfinite(likelihood)])[::-1]
    below = float(ordered[called]) if called < n else 0.0
    return Threshold((float(ordered[called - 1]) + below) / 2, "expected_f1")


def flips(likelihood: np.ndarray, level: Level, threshold: float) -> np.ndarray:
    """Compute the share of the scenarios in which each spot would be called otherwise, (n,); NaN without likelihood."""
    found = np.full(len(likelihood), np.nan)
    scored = np.isfinite(likelihood)
    probability = _scenarios(likelihood, level)
    if not len(probability):
        return found
    order = np.argsort(-likelihood[scored], kind="stable")
    best = 1 + np.argmax(_f1(probability[order]), axis=0)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    called = likelihood[scored] >= threshold
    found[scored] = ((rank[:, None] < best) != called[:, None]).mean(axis=1)
    return found


def uncertain_spots(likelihood: np.ndarray, level: Level, threshold: float) -> np.ndarray:
    """Find the spots whose call flips in a quarter of the scenarios, at most a fifth of the section, (n,) bool."""
    flipped = np.nan_to_num(flips(likelihood, level, threshold))
    distance = np.abs(np.nan_to_num(likelihood, nan=np.inf) - threshold)
    worst = np.lexsort((distance, -flipped))[: int(MOST_UNCERTAIN * np.isfinite(likelihood).sum())]
    uncertain = np.zeros(len(likelihood), dtype=bool)
    uncertain[worst] = flipped[worst] >= FLIPS
    return uncertain


def _scenarios(likelihood: np.ndarray, level: Level) -> np.ndarray:
    """Compute the likelihoods of the scored spots in each scenario, (n_scored, s)."""
    scored = likelihood[np.isfinite(likelihood)].astype(np.float64)
    return expit(level.scenarios(logit(np.clip(scored, CLIP, 1 - CLIP)))) if len(scored) else np.empty((0, 1))


def _f1(probability: np.ndarray) -> np.ndarray:
    """Compute the expected F1 of calling the first k spots, for each k and scenario, (n, s)."""
    n_called = np.arange(1, len(probability) + 1)[:, None]
    return np.asarray(2 * np.cumsum(probability, axis=0) / (n_called + probability.sum(axis=0)))
