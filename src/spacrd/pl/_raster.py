"""Rasters of many spots, and the field whose zero line goes around some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._view import Spacing

MAX_CELLS = 900
"""Cells along the longer side of a raster at most: about as many as a panel of a figure has pixels."""
OUTLINE_CELLS = 500
REACH = 0.85
"""How far the outline stands off a spot at the rim of the tissue, in spacings: farther than the middle of four spots in
a square, 0.71, even if they lie a little unevenly, or there would be a hole."""
SMOOTH = 1.5
"""Cells over which the share of scattered spots is smoothed before a line goes around it."""
SPARSE = 0.2
"""Share of the usual number of spots below which a place lies outside the tissue."""

Extent = tuple[float, float, float, float]


def cell_size(low: np.ndarray, high: np.ndarray, spacing: Spacing) -> float:
    """Return the side of a cell: wide enough that a lattice of spots leaves none empty, and scattered ones few."""
    # Six scattered spots to a cell leave one in 400 empty; six others lie within the distance of the sixth.
    side = np.sqrt(np.pi) * spacing.sixth if spacing.scattered else 1.5 * spacing.nearest
    return max(float(side), float((high - low).max()) / MAX_CELLS)


def mean_raster(
    xy: np.ndarray, values: np.ndarray, low: np.ndarray, high: np.ndarray, cell: float
) -> tuple[np.ndarray, Extent]:
    """Average the finite values in every cell, (rows, columns), NaN without any; return the extent for imshow too."""
    columns, rows = np.maximum(np.ceil((high - low) / cell).astype(int), 1)
    finite = np.isfinite(values) & np.isfinite(xy).all(axis=1)
    cell_of = np.floor((xy[finite] - low) / cell).astype(int)
    flat = np.clip(cell_of[:, 1], 0, rows - 1) * columns + np.clip(cell_of[:, 0], 0, columns - 1)
    number = np.bincount(flat, minlength=rows * columns)
    total = np.bincount(flat, weights=values[finite], minlength=rows * columns)
    mean = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    right, bottom = low + cell * np.array([columns, rows])
    return mean.reshape(rows, columns), (float(low[0]), float(right), float(bottom), float(low[1]))


def outline_field(
    xy: np.ndarray, inside: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Compute abscissae, ordinates and field (rows, columns) whose zero line encloses the spots inside.

    None without any spot inside. The line runs midway between spots inside and outside, and :data:`REACH` spacings off
    the outermost spots.
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


def outline_of_shares(
    xy: np.ndarray, inside: np.ndarray, low: np.ndarray, high: np.ndarray, cell: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Compute the same for scattered or many spots: the zero line encloses places where most spots around are inside.

    Single cells among others would each have a line of their own, that nobody could see.
    """
    from scipy.ndimage import gaussian_filter

    finite = np.isfinite(xy).all(axis=1)
    if not (finite & inside).any():
        return None
    edges = [np.arange(a - 4 * cell, b + 5 * cell, cell) for a, b in zip(low, high, strict=True)]
    number, among = (
        gaussian_filter(np.histogram2d(xy[chosen, 1], xy[chosen, 0], bins=edges[::-1])[0], SMOOTH)
        for chosen in (finite, finite & inside)
    )
    usual = float(np.median(number[number > number.max() / 100]))
    field = np.where(number > SPARSE * usual, among / np.maximum(number, 1e-12) - 0.5, -0.5)
    x, y = (edge[:-1] + cell / 2 for edge in edges)
    return x, y, field
