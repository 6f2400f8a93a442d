"""Compute calibrated logits from votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, MaxLen

LEAST_SPREAD = 1e-6
"""Spread of a vote, in units of its usual one, below which it is the same for all spots of the section."""
MAX_LOGIT = 8.0
"""Bound of calibrated logits; likelihoods lie between 0.0003 and 0.9997."""


@dataclass(frozen=True)
class Calibration:
    """Turn the votes of a section into logits: votes rank its spots, a level sets their mean.

    Each vote is centred over the section and scaled to the average spread of the votes there, in units of their usual
    spreads. So votes weigh the same in every section, and a section of one tissue keeps its small differences. Their
    mean is multiplied with ``slope``. A :class:`spacrd.model.Level` then shifts it. Logits are bounded smoothly by
    :data:`MAX_LOGIT`, as a few training sections cannot support likelihoods of 0 or 1.

    Attributes
    ----------
    slope
        Factor of the mean vote.
    scales
        Inverse of the usual spread of each vote within a section.
    n_sections
        Held-out training sections that the calibration was fitted on; 0 for the mean votes as logits.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> calibration = spacrd.model.Calibration(slope=2.0, scales=(1.0,), n_sections=3)
    >>> calibration.apply(np.array([[0.0], [2.0]]), np.ones((2, 1), dtype=bool)).round(2)
    array([-2.,  2.])
    """

    slope: Annotated[float, Interval(gt=0, lt=1e6)] = 1.0
    scales: Annotated[tuple[Annotated[float, Interval(gt=0, lt=1e9)], ...], MaxLen(10)] = ()
    n_sections: Annotated[int, Interval(ge=0, le=100_000)] = 0

    def weights(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Compute the factor of each of the votes (n, h) of a section, (h,)."""
        scales = np.asarray(self.scales)
        spread = np.sqrt((np.square(centre(votes, counted)) * counted).sum(axis=0) / _number(counted))
        differs = spread > LEAST_SPREAD / scales
        if not differs.any():
            return scales
        common = (spread * scales)[differs].mean()
        return np.divide(common, spread, out=scales.copy(), where=differs)

    def contrast(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Average the votes (n, h) that count, each centred over the section and scaled; (n,)."""
        return _mean(centre(votes, counted) * self.weights(votes, counted), counted)

    def apply(self, votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Compute the logit of each spot of a section from its votes, (n,) float64, up to a constant if calibrated."""
        if not self.n_sections:
            return _mean(votes, counted)
        return self.slope * self.contrast(votes, counted)


def bounded(logit: np.ndarray) -> np.ndarray:
    """Bound logits smoothly by :data:`MAX_LOGIT`."""
    return MAX_LOGIT * np.tanh(logit / MAX_LOGIT)


def centre(votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Subtract from each of the votes (n, h) its mean over the spots where it counts."""
    return votes - (votes * counted).sum(axis=0) / _number(counted)


def _number(counted: np.ndarray) -> np.ndarray:
    return np.maximum(counted.sum(axis=0), 1)


def _mean(votes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return (votes * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
