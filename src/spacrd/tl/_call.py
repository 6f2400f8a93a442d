"""Call the regions of the spots of a section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._keys import CANCER, NO_TUMOUR, NORMAL, UNCERTAIN
from ..model import Level
from ._cut import expected_f1_cut, uncertain_spots
from ._mixture import Threshold, check_method, mixture_cut, otsu_cut


@dataclass(frozen=True)
class Call:
    """Hold verdict, threshold and called regions of one section.

    Attributes
    ----------
    verdict
        Whether the section holds a tumour: ``"tumour"``, ``"no tumour"`` or ``"unclear"``.
    threshold
        Likelihood from which a spot is called cancer.
    region
        Called region of each spot, object (n,); see :func:`call_regions`.
    withheld
        Whether every spot is ``"uncertain"``, as the section is unlike the training sections.
    """

    verdict: str
    threshold: Threshold
    region: np.ndarray
    withheld: bool = False

    def record(self) -> dict[str, Any]:
        """Convert the call to plain values for ``.uns``."""
        return {
            "threshold": self.threshold.threshold,
            "threshold_method": self.threshold.method,
            "mixture_means": self.threshold.means,
            "mixture_sds": self.threshold.sds,
            "mixture_weights": self.threshold.weights,
            "verdict": self.verdict,
            "calls_withheld": self.withheld,
        }


def call_section(
    likelihood: np.ndarray, level: Level, verdict: str, method: str | float, *, withheld: bool = False
) -> Call:
    """Call the spots of a section of which the model knows the level and the verdict, unless calls are withheld."""
    threshold = find_threshold(likelihood, method, level)
    if verdict == NO_TUMOUR and isinstance(method, str):
        threshold = Threshold(1.0, f"1 (no tumour, so nothing is called; was {threshold.method})")
    if withheld:
        uncertain = np.full(len(likelihood), UNCERTAIN, dtype=object)
        uncertain[~np.isfinite(likelihood)] = np.nan
        return Call(verdict, threshold, uncertain, withheld=True)
    return Call(verdict, threshold, call_regions(likelihood, threshold.threshold, level))


def recorded_level(report: Mapping[str, Any]) -> Level:
    """Read the level of a scored section from its record; unknown if none was recorded."""
    return Level(float(report.get("level", np.nan)), float(report.get("level_spread", np.nan)))


def find_threshold(likelihood: np.ndarray, method: str | float, level: Level) -> Threshold:
    """Find a threshold by the name of a method, or return the given number.

    Without a level, the mixture takes the place of ``"expected_f1"``.
    """
    check_method(method)
    if not isinstance(method, str):
        return Threshold(float(method), "given")
    if method == "otsu":
        return otsu_cut(likelihood)
    if method == "expected_f1" and np.isfinite(level.share):
        return expected_f1_cut(likelihood, level)
    return mixture_cut(likelihood)


def call_regions(likelihood: np.ndarray, threshold: float, level: Level | None = None) -> np.ndarray:
    """Call the region of each spot, object (n,).

    ``"cancer"`` from the threshold on and ``"normal"`` below; ``"uncertain"`` where the call would be another for many
    of the possible shares of cancer; NaN without a likelihood.
    """
    called = np.where(likelihood >= threshold, CANCER, NORMAL).astype(object)
    if level is not None and np.isfinite(level.share) and threshold < 1:
        called[uncertain_spots(likelihood, level, threshold)] = UNCERTAIN
    called[~np.isfinite(likelihood)] = np.nan
    return called
