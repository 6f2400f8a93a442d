"""From votes to the logit of the likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, MaxLen
from scipy.special import expit

LEAST_SHARE = 0.02
"""Expected shares of cancer are held between this and one less this: few sections cannot rule out the rest."""
LEAST_SPREAD = 1e-6
"""A vote whose spread is less, in units of its usual one, is the same for all spots of the section."""
MAX_LOGIT = 8.0
"""Calibrated likelihoods lie between 0.0003 and 0.9997."""


@dataclass(frozen=True)
class Calibration:
    """Votes say which spots of a section are more like cancer than others; a share says how many are.

    Each vote is centred over the section and given the spread that the votes have on average there, each in units of
    its usual one: they weigh the same in every section, and a section of one tissue keeps its small differences. Their
    mean, stretched by ``slope``, is moved until the mean likelihood equals the share of cancer that
    :class:`PrevalenceClassifier` expects of the section. A few sections cannot teach that one spot in a million is
    wrong, so logits bend towards :data:`MAX_LOGIT`, which keeps the order of the spots and keeps float32 likelihoods
    off 0 and 1.

    Attributes
    ----------
    slope
        Of the logit.
    scales
        One over the usual spread of each vote within a section.
    n_sections
        Held-out training sections all this was fitted on; 0 if the logits are the mean votes as they come.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> model.config.calibration.n_sections
    2
    """

    slope: Annotated[float, Interval(gt=0, lt=1e6)] = 1.0
    scales: Annotated[tuple[Annotated[float, Interval(gt=0, lt=1e9)], ...], MaxLen(10)] = ()
    n_sections: Annotated[int, Interval(ge=0, le=100_000)] = 0

    def weights(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """What each of the votes (n, h) of a section is multiplied with, (h,)."""
        usual = np.asarray(self.scales)
        spread = np.sqrt((np.square(centre(votes, counted)) * counted).sum(axis=0) / _number(counted))
        differs = spread > LEAST_SPREAD / usual
        if not differs.any():
            return usual
        common = (spread * usual)[differs].mean()
        return np.divide(common, spread, out=usual.copy(), where=differs)

    def contrast(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Mean of the votes (n, h) that count, each centred over the section and scaled; (n,)."""
        return _mean(centre(votes, counted) * self.weights(votes, counted), counted)

    def apply(self, votes: np.ndarray, counted: np.ndarray, share: float) -> np.ndarray:
        """Logit of the likelihood of each spot of a section, (n,) float64."""
        from scipy.optimize import brentq

        if not self.n_sections:
            return _mean(votes, counted)
        stretched = self.slope * self.contrast(votes, counted)
        seen = stretched[counted.any(axis=1)]
        wanted = 0.5 if np.isnan(share) else min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)
        bound = 50 + float(np.abs(seen).max(initial=0.0))
        offset = brentq(lambda b: expit(seen + b).mean() - wanted, -bound, bound) if len(seen) else 0.0
        return MAX_LOGIT * np.tanh((stretched + offset) / MAX_LOGIT)


def centre(votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Votes (n, h) less their mean over the spots where they count."""
    return votes - (votes * counted).sum(axis=0) / _number(counted)


def _number(counted: np.ndarray) -> np.ndarray:
    return np.maximum(counted.sum(axis=0), 1)


def _mean(votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return (votes * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
