"""Rasters of many spots, and the field whose zero line goes around some of them."""

from __future__ import annotations

import numpy as np

MAX_CELLS = 900
"""Cells along the longer side of a raster at most: about as many as a panel of a figure has pixels."""
OUTLINE_CELLS = 500
REACH = 0.75
"""How far the outline stands off a spot at the rim of the tissue, in spacings."""

Extent = tuple[float, float, float, float]


def cell_size(low: np.ndarray, high: np.ndarray, spacing: float) -> float:
    """Side of a cell: wide enough that a lattice of spots leaves none empty."""
    return max(1.5 * spacing, float((high - low).max()) / MAX_CELLS)


def mean_raster(
    xy: np.ndarray, values: np.ndarray, low: np.ndarray, high: np.ndarray, cell: float
) -> tuple[np.ndarray, Extent]:
    """Mean of the finite values in every cell, (rows, columns), NaN where there are none; and its extent for imshow."""
    columns, rows = np.maximum(np.ceil((high - low) / cell).astype(int), 1)
    kept = np.isfinite(values) & np.isfinite(xy).all(axis=1)
    place = np.floor((xy[kept] - low) / cell).astype(int)
    flat = np.clip(place[:, 1], 0, rows - 1) * columns + np.clip(place[:, 0], 0, columns - 1)
    number = np.bincount(flat, minlength=rows * columns)
    total = np.bincount(flat, weights=values[kept], minlength=rows * columns)
    mean = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    right, bottom = low + cell * np.array([columns, rows])
    return mean.reshape(rows, columns), (float(low[0]), float(right), float(bottom), float(low[1]))


def outline_field(
    xy: np.ndarray, inside: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Abscissae, ordinates and field (rows, columns) whose zero line encloses the spots inside; None without any.

    The line runs midway between spots inside and outside, and :data:`REACH` spacings off the outermost spots.
    """
    from scipy.spatial import cKDTree

    finite = np.isfinite(xy).all(axis=1)
    chosen, others = xy[finite & inside], xy[finite & ~inside]
    if not len(chosen):
        return None
    low, high = chosen.min(axis=0) - 2 * spacing, chosen.max(axis=0) + 2 * spacing
    step = max(spacing / 6, float((high - low).max()) / OUTLINE_CELLS)
    x, y = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
    places = np.stack(np.meshgrid(x, y), axis=-1)
    far = 2 * spacing + step
    near = np.minimum(cKDTree(chosen).query(places, distance_upper_bound=far)[0], far)
    limit = np.full(near.shape, max(REACH * spacing, step))
    if len(others):
        limit = np.minimum(limit, cKDTree(others).query(places, distance_upper_bound=far)[0])
    return x, y, near - limit
