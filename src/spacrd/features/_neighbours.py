"""Find the nearest neighbours of each spot within its section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._blocks import blocks

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

TIE = 0.2
"""Difference to the distance of the last neighbour, as a share of the spacing, up to which spots may count as equally
far: wider than rounding to pixels spreads one distance of a lattice, and narrower than most steps to the next."""
ROUNDING = 0.005
"""Share of the spacing by which a neighbour may lie beyond the largest distance, for rounded coordinates."""


def neighbourhoods(
    xy: np.ndarray, n_neighbors: int, *, max_distance: float | None = None, contents: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest neighbours of each spot, the spot itself first.

    Where more spots are as far as the last neighbour than there are places left, their contents choose. So neither the
    order of the rows nor turning or mirroring changes the neighbourhoods, nor rounding the coordinates of a lattice. A
    spot with fewer neighbours than asked for is padded with itself and masked.

    Parameters
    ----------
    xy
        Spot centres, (n, 2).
    n_neighbors
        Neighbours beside the spot itself.
    max_distance
        Farthest neighbour, in units of ``xy``.
    contents
        A number for each spot that tells equally far spots apart, (n,); without it, coordinates do.

    Returns
    -------
    Positions (n, n_neighbors + 1) int64, and which of them are real, bool of the same shape.
    """
    from scipy.spatial import cKDTree

    n, n_tokens = len(xy), n_neighbors + 1
    index = np.repeat(np.arange(n, dtype=np.int64)[:, None], n_tokens, axis=1)
    mask = np.zeros((n, n_tokens), dtype=bool)
    mask[:, 0] = True
    if n == 1 or n_neighbors == 0:
        return index, mask
    contents = np.zeros(n) if contents is None else contents
    # Rows are sorted by coordinates, so that their original order does not matter below.
    sorting = np.lexsort((contents, xy[:, 1], xy[:, 0]))
    xy = xy[sorting]
    rank = np.unique(contents[sorting], return_inverse=True)[1]
    # A few candidates more than needed hold the ties of the last neighbour on hexagonal and square lattices.
    candidates = min(n, n_tokens + 12)
    tree = cKDTree(xy)
    spacing = _spacing(tree, xy) or _spacing(cKDTree(distinct := np.unique(xy, axis=0)), distinct) or 1.0
    step = 1e-6 * spacing  # distances equal up to rounding
    farthest = np.inf if max_distance is None else max_distance + ROUNDING * spacing
    for rows in blocks(n):
        spots = np.arange(n)[rows]
        distance, candidate = tree.query(xy[rows], k=candidates)
        distance[distance > farthest] = np.inf
        start, stop = _tied(distance, min(n_tokens, candidates) - 1, TIE * spacing)
        # First the spot itself, then those that are nearer than the last; those as far come by their contents.
        column = np.arange(candidates)
        choice = np.where(column < start[:, None], 0, 1 + rank[candidate])
        choice[column > stop[:, None]] = n + 1
        choice[candidate == spots[:, None]] = -1
        order = np.lexsort((candidate, np.round(distance / step), choice), axis=1)[:, :n_tokens]
        order[:, 1:].sort(axis=1)  # the nearest first
        nearest = np.take_along_axis(candidate, order, axis=1)
        # With many duplicates the spot may be missing among its own candidates: it is token 0 all the same.
        real = np.isfinite(np.take_along_axis(distance, order, axis=1))
        nearest[:, 0], real[:, 0] = spots, True
        index[sorting[rows], : nearest.shape[1]] = sorting[np.where(real, nearest, spots[:, None])]
        mask[sorting[rows], : nearest.shape[1]] = real
    return index, mask


def _tied(distance: np.ndarray, last: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the columns that are as far as column ``last`` in sorted distances (b, k): first and last of them, (b,).

    They end, on both sides, at the widest gap within ``width`` of that distance, which rounding hardly moves.
    """
    finite = np.where(np.isfinite(distance), distance, np.finfo(float).max)
    near = np.abs(finite - finite[:, [last]]) <= width
    gap = np.diff(finite, axis=1, prepend=-np.inf, append=np.inf)
    below = np.where(near[:, : last + 1], gap[:, : last + 1], -1.0)
    above = np.where(near[:, last:], gap[:, last + 1 :], -1.0)
    return last - below[:, ::-1].argmax(axis=1), last + above.argmax(axis=1)


def _spacing(tree: cKDTree, xy: np.ndarray) -> float:
    """Compute the median distance to the nearest other spot; 0 if there is none or most coordinates are shared."""
    if len(xy) < 2:
        return 0.0
    return float(np.median(np.concatenate([tree.query(xy[rows], k=2)[0][:, 1] for rows in blocks(len(xy))])))


def spatial_order(xy: np.ndarray) -> np.ndarray:
    """Sort the spots so that nearby ones follow each other, (n,) int64."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(xy).indices, dtype=np.int64)
