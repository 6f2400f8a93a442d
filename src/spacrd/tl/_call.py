"""Call the regions of the spots of a section, and judge whether it holds a tumour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._keys import CANCER, NO_TUMOUR, NORMAL, TUMOUR, UNCERTAIN, UNCLEAR
from ._mixture import Threshold, find_threshold

FEW = 0.01
"""Share of the spots of a section that make a tumour; at least :data:`LEAST` spots."""
LEAST = 3


def verdict(likelihood: np.ndarray, interval: np.ndarray | None = None) -> str:
    """Judge whether a section holds a tumour at all, without labels.

    ``"tumour"`` if at least one spot in a hundred, and three spots, have a likelihood of 0.5 or more with the lower end
    of their interval of one standard error (n, 2); ``"no tumour"`` if fewer have it at all; else ``"unclear"``. Spots
    without a likelihood are left out; those without an interval count with their likelihood.
    """
    scored = np.isfinite(likelihood)
    likelihood = likelihood[scored]
    lower = likelihood if interval is None else interval[scored, 0]
    lower = np.where(np.isfinite(lower), lower, likelihood)
    enough = max(LEAST, FEW * len(likelihood))
    if (lower >= 0.5).sum() >= enough:
        return TUMOUR
    return NO_TUMOUR if (likelihood >= 0.5).sum() < enough else UNCLEAR


@dataclass(frozen=True)
class Call:
    """Hold verdict, threshold and called regions of one section.

    Attributes
    ----------
    verdict
        Result of :func:`verdict`.
    threshold
        Likelihood from which a spot is called cancer.
    region
        Called region of each spot, object (n,); see :func:`call_regions`.
    """

    verdict: str
    threshold: Threshold
    region: np.ndarray

    def record(self) -> dict[str, Any]:
        """Convert the call to plain values for ``.uns``."""
        return {
            "threshold": self.threshold.threshold,
            "threshold_method": self.threshold.method,
            "mixture_means": self.threshold.means,
            "mixture_sds": self.threshold.sds,
            "mixture_weights": self.threshold.weights,
            "verdict": self.verdict,
        }


def call_section(likelihood: np.ndarray, interval: np.ndarray, method: str | float, *, calibrated: bool = True) -> Call:
    """Judge a section and call its spots.

    Where there is no tumour, a mixture is not forced to find one. A model that is not calibrated cannot tell whether
    there is one: the verdict is then ``"unclear"``.
    """
    judged = verdict(likelihood, interval) if calibrated else UNCLEAR
    threshold = find_threshold(likelihood, method)
    if judged == NO_TUMOUR and threshold.method.startswith("gmm"):
        method_used = f"0.5 (no tumour, so nothing to cut; was {threshold.method})"
        threshold = replace(threshold, threshold=0.5, method=method_used)
    return Call(judged, threshold, call_regions(likelihood, threshold.threshold, interval))


def call_regions(likelihood: np.ndarray, threshold: float, interval: np.ndarray | None = None) -> np.ndarray:
    """Call the region of each spot, object (n,).

    ``"cancer"`` from the threshold on and ``"normal"`` below; ``"uncertain"`` where the interval of one standard error
    contains the threshold; NaN without a likelihood.
    """
    called = np.where(likelihood >= threshold, CANCER, NORMAL).astype(object)
    if interval is not None:
        called[(interval[:, 0] < threshold) & (interval[:, 1] > threshold)] = UNCERTAIN
    called[~np.isfinite(likelihood)] = np.nan
    return called
