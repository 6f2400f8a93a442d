"""One section as arrays, before anything is computed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SectionArrays:
    """What a container holds of one section.

    Attributes
    ----------
    name
        For messages.
    xy
        Spot centres, (n, 2) float64.
    um_per_unit
        Micrometres per unit of ``xy``; NaN if unknown.
    counts, genes
        Checked counts (n, g), in memory or on disk, and their names; None if the section has no expression.
    image
        Patch embedding (n, dim), in memory or on disk, NaN rows off the picture; None if there is no picture.
    target
        1 cancer, 0 not, NaN unlabelled.

    Examples
    --------
    Arrays of one's own, without a picture:

    >>> import numpy as np
    >>> import spacrd
    >>> section = spacrd.model.SectionArrays(
    ...     name="mine",
    ...     xy=np.array([[0.0, 0.0], [100.0, 0.0]]),
    ...     um_per_unit=1.0,
    ...     counts=np.array([[3, 0], [1, 5]]),
    ...     genes=np.array(["ERBB2", "COL1A1"]),
    ...     image=None,
    ...     target=np.array([1.0, np.nan]),
    ... )
    """

    name: str
    xy: np.ndarray
    um_per_unit: float
    counts: Any  # a Matrix, or None
    genes: np.ndarray | None
    image: Any  # a Matrix, or None
    target: np.ndarray
