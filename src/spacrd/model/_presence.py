"""Judge whether a section holds a tumour at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval

from .._keys import NO_TUMOUR, TUMOUR, UNCLEAR

TOP = 0.02
"""Share of the spots that a small tumour has."""
REST = 0.5
"""Quantile of the spots that stands for tissue without tumour."""
LEVEL = 0.95
"""Confidence of the prediction bounds."""
MAX_SHARE = 0.15
"""Expected share of cancer up to which a section can be without tumour."""

Finite = Annotated[float, Interval(gt=-1e9, lt=1e9)]


def presence_statistic(logits: np.ndarray) -> float:
    """Compute how far the spots that look most like cancer stand out; NaN for fewer than 20 spots.

    Mean of the highest 2 % of the logits, less their median: comparable between sections, whatever the share
    of cancer in them.
    """
    if len(logits) < 20:
        return float("nan")
    n_top = max(3, round(TOP * len(logits)))
    return float(np.partition(logits, -n_top)[-n_top:].mean() - np.quantile(logits, REST))


@dataclass(frozen=True)
class Presence:
    """Hold prediction bounds of the statistic, from sections that were held out.

    Attributes
    ----------
    tumour_above
        Bound that a section without tumour rarely exceeds.
    no_tumour_below
        Bound that a section with a small tumour rarely falls short of.

    Examples
    --------
    >>> import spacrd
    >>> bounds = spacrd.model.Presence(tumour_above=3.0, no_tumour_below=1.5)
    >>> bounds.judge(4.2, 0.3), bounds.judge(1.0, 0.05), bounds.judge(1.0, 0.6)
    ('tumour', 'no tumour', 'unclear')
    """

    tumour_above: Finite
    no_tumour_below: Finite

    @classmethod
    def of(cls, without: Sequence[float], small: Sequence[float]) -> Presence | None:
        """Compute the bounds from normal spots alone, and from those with a small tumour; None for fewer than two."""
        nulls, tumours = (np.asarray([x for x in values if np.isfinite(x)]) for values in (without, small))
        if len(nulls) < 2 or len(tumours) < 2:
            return None
        return cls(_bound(nulls, 1.0), _bound(tumours, -1.0))

    def judge(self, statistic: float, share: float, *, has_tumour: bool = False) -> str:
        """Return the verdict on a section from its statistic and its expected share of cancer.

        With ``has_tumour``, as the user knows of one, it is not ``"no tumour"``.
        """
        if statistic > self.tumour_above:
            return TUMOUR
        without = statistic < self.no_tumour_below and share <= MAX_SHARE
        return NO_TUMOUR if without and not has_tumour else UNCLEAR


def _bound(values: np.ndarray, side: float) -> float:
    """Compute a prediction bound for one more value of a normal sample."""
    from scipy.stats import t

    n = len(values)
    return float(values.mean() + side * t.ppf(LEVEL, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n))
