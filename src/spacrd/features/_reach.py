"""Leave out neighbours that are too far away to be of the same tissue region."""

from __future__ import annotations

import numpy as np

MAX_SPACINGS = 3.0
"""Farthest neighbour, in units of the usual distance of the farthest neighbour in the section."""
MAX_UM = 600.0
"""Farthest neighbour in micrometres: three spots of the coarsest lattice, that of legacy ST."""


def within_reach(
    xy: np.ndarray, neighbours: np.ndarray, mask: np.ndarray, um_per_unit: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mask neighbours beyond :data:`MAX_SPACINGS` and, if the scale is known, beyond :data:`MAX_UM`.

    Scattered segments, the cores of a tissue microarray, or what filtering left of a section have nearest neighbours
    that say nothing of each other.

    Parameters
    ----------
    xy
        Spot centres, (n, 2).
    neighbours, mask
        Neighbourhoods (n, t), the spot itself first, and which of them are real.
    um_per_unit
        Micrometres per unit of ``xy``; NaN if unknown.

    Returns
    -------
    Neighbourhoods padded with the spot itself, which of them are real, and the farthest neighbour in units of ``xy``.
    """
    distance = np.linalg.norm(xy[neighbours] - xy[:, None], axis=2)
    reach = np.inf if np.isnan(um_per_unit) else MAX_UM / um_per_unit
    complete = mask.all(axis=1)
    spread = distance[complete].max(axis=1)
    if spread.any():  # spots of which all neighbours lie at the same place tell no spacing
        reach = min(reach, MAX_SPACINGS * float(np.median(spread[spread > 0])))
    near = mask & (distance <= reach)
    near[:, 0] = True
    return np.where(near, neighbours, neighbours[:, :1]), near, reach
