"""From votes to the logit of the likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

LEAST_SHARE = 0.02
"""Expected shares of cancer are held between this and one less this: few sections cannot rule out the rest."""
MAX_LOGIT = 8.0
"""Calibrated likelihoods lie between 0.0003 and 0.9997."""


@dataclass(frozen=True)
class Calibration:
    """Votes say which spots of a section are more like cancer than others; a share says how many are.

    Each vote is centred over the section and divided by its usual spread, so that they weigh the same. Their mean,
    stretched by ``slope``, is moved until the mean likelihood equals the share of cancer that :class:`Level` expects of
    the section. A few sections cannot teach that one spot in a million is wrong, so logits bend towards
    :data:`MAX_LOGIT`, which keeps the order of the spots and keeps float32 likelihoods off 0 and 1.

    Attributes
    ----------
    slope
        Of the logit.
    scales
        What each vote is multiplied with.
    n_sections
        Held-out training sections all this was fitted on; 0 if the logits are the mean votes as they come.
    """

    slope: float = 1.0
    scales: tuple[float, ...] = ()
    n_sections: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.slope < 1e6:
            raise ValueError(f"A calibration needs a positive, finite slope, got {self.slope}.")
        if not all(0 < scale < 1e9 for scale in self.scales):
            raise ValueError(f"A calibration needs positive, finite scales, got {self.scales}.")

    def contrast(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Mean of the votes (n, h) that count, each centred over the section and scaled; (n,)."""
        return _mean(centre(votes, counted) * np.asarray(self.scales), counted)

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
    number = np.maximum(counted.sum(axis=0), 1)
    return votes - (votes * counted).sum(axis=0) / number


def _mean(votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return (votes * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
