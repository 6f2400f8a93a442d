"""Logits to probabilities, from training sections that the calibrating networks have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..model import Calibration, Recipe
from ..model._infer import score_arrays
from ..model._prepare import SpotArrays
from ..nn import NetworkConfig
from ._read import warn

MAX_FOLDS = 5
"""Sections are held out one by one, or in so many groups if there are more."""

MAX_SLOPE = 1e4
"""Beyond it a curve stretches rounding errors."""


def _folds(parts: Sequence[SpotArrays]) -> list[np.ndarray]:
    """Groups of sections to hold out, those only that leave both classes to train on."""
    groups = [np.asarray(group) for group in np.array_split(np.arange(len(parts)), min(len(parts), MAX_FOLDS))]
    usable = []
    for group in groups:
        rest = np.concatenate([part.target for i, part in enumerate(parts) if i not in group] or [np.empty(0)])
        held = np.concatenate([parts[i].target for i in group])
        if (rest == 1).any() and (rest == 0).any() and np.isfinite(held).any():
            usable.append(group)
    return usable


def calibrate(
    parts: Sequence[SpotArrays], network: NetworkConfig, plan: Recipe, *, seed: int, device: str
) -> Calibration:
    """Fit a logistic curve from out-of-fold logits to labels (Platt scaling), each section weighing the same.

    Each held-out section is scored by one network trained on the others with the model's own recipe, so that the
    curve sees logits of the kind that a new section gets. With one training section there is nothing to hold out:
    the logits stay as they are, and a warning says so.

    Parameters
    ----------
    parts
        Training sections.
    network, plan, seed, device
        As for the model itself.
    """
    from ..train import train_network

    logits, targets = [], []
    for number, group in enumerate(folds := _folds(parts), start=1):
        rest = SpotArrays.stack([part for i, part in enumerate(parts) if i not in group])
        trained, _ = train_network(
            network,
            rest,
            replace(plan, members=1),
            seed=seed * 1000 + 500 + number,
            device=device,
            label=f"calibrate {number}/{len(folds)} ",
        )
        for i in group:
            labelled = np.isfinite(parts[i].target)
            if labelled.any():
                scores = score_arrays([trained], parts[i], batch_size=4096, device=device, quiet=True)
                logits.append(scores.logit[labelled])
                targets.append(parts[i].target[labelled])
    if not any(0 < target.mean() < 1 for target in targets):
        warn(
            "The likelihoods are not calibrated: that takes two annotated sections at least, with both classes in one. "
            "They rank spots, but read them as scores, not as probabilities."
        )
        return Calibration()
    slope = _slope(logits, targets)
    if slope <= 0:
        warn(
            "The training sections contradict each other: scored by a model of the others, spots annotated as positive "
            "get no higher likelihood than the rest. The likelihoods are not calibrated, and hardly to be trusted."
        )
        return Calibration()
    if slope > MAX_SLOPE:
        warn(
            "The likelihoods are not calibrated: the networks that were to tell hardly tell spots apart. Fit on more "
            "spots, or longer."
        )
        return Calibration()
    return Calibration(slope, _intercept(logits, targets, slope), len(targets))


def _slope(logits: list[np.ndarray], targets: list[np.ndarray]) -> float:
    """Slope within sections: each has an intercept of its own, since it was scored by a network of other sections."""
    from sklearn.linear_model import LogisticRegression

    both = [i for i, target in enumerate(targets) if 0 < target.mean() < 1]
    spread = float(np.mean([logits[i].std() for i in both])) or 1.0
    section = np.repeat(np.arange(len(both)), [len(targets[i]) for i in both])
    design = np.column_stack(
        [
            np.concatenate([logits[i] - logits[i].mean() for i in both]) / spread,
            section[:, None] == np.arange(len(both)),
        ]
    )
    weight = np.concatenate([np.full(len(targets[i]), 1 / len(targets[i])) for i in both])
    curve = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000).fit(
        design, np.concatenate([targets[i] for i in both]), sample_weight=weight * len(weight) / weight.sum()
    )
    return float(curve.coef_[0, 0]) / spread


def _intercept(logits: list[np.ndarray], targets: list[np.ndarray], slope: float) -> float:
    """Intercept with which the mean likelihood equals the share of positive spots, sections weighing the same."""
    from scipy.optimize import brentq
    from scipy.special import expit

    share = float(np.mean([target.mean() for target in targets]))
    bound = 50 + slope * max(float(np.abs(values).max()) for values in logits)
    return float(brentq(lambda b: np.mean([expit(slope * v + b).mean() for v in logits]) - share, -bound, bound))
