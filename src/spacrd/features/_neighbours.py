"""Find the nearest neighbours of each spot within its section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._blocks import blocks

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def neighbourhoods(
    xy: np.ndarray, n_neighbors: int, *, max_distance: float | None = None, contents: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest neighbours of each spot, the spot itself first.

    Ties are broken by coordinates, then by contents, not by row order, so that shuffling the rows of a section does not
    change its neighbourhoods. A spot with fewer neighbours than asked for is padded with itself and masked.

    Parameters
    ----------
    xy
        Spot centres, (n, 2).
    n_neighbors
        Neighbours beside the spot itself.
    max_distance
        Farthest neighbour, in units of ``xy``.
    contents
        A number for each spot that tells spots with equal coordinates apart, (n,).

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
    # Rows are sorted by coordinates, so that their original order does not matter below.
    sorting = np.lexsort((np.zeros(n) if contents is None else contents, xy[:, 1], xy[:, 0]))
    xy = xy[sorting]
    # A few candidates more than needed hold the ties of the last neighbour on hexagonal and square lattices.
    candidates = min(n, n_tokens + 12)
    tree = cKDTree(xy)
    # Distances equal up to rounding are ties: compare them on a grid far finer than a pixel.
    step = 1e-6 * (_spacing(tree, xy) or _spacing(cKDTree(distinct := np.unique(xy, axis=0)), distinct) or 1.0)
    for rows in blocks(n):
        spots = np.arange(n)[rows]
        distance, candidate = tree.query(xy[rows], k=candidates)
        rounded = np.where(candidate == spots[:, None], -1.0, np.round(distance / step))
        order = np.lexsort((candidate, rounded), axis=1)[:, :n_tokens]
        nearest = np.take_along_axis(candidate, order, axis=1)
        # With many duplicates the spot may be missing among its own candidates: it is token 0 all the same.
        real = np.take_along_axis(distance, order, axis=1) <= (np.inf if max_distance is None else max_distance)
        nearest[:, 0], real[:, 0] = spots, True
        index[sorting[rows], : nearest.shape[1]] = sorting[np.where(real, nearest, spots[:, None])]
        mask[sorting[rows], : nearest.shape[1]] = real
    return index, mask


def _spacing(tree: cKDTree, xy: np.ndarray) -> float:
    """Compute the median distance to the nearest other spot; 0 if there is none or most coordinates are shared."""
    if len(xy) < 2:
        return 0.0
    return float(np.median(np.concatenate([tree.query(xy[rows], k=2)[0][:, 1] for rows in blocks(len(xy))])))


def spatial_order(xy: np.ndarray) -> np.ndarray:
    """Sort the spots so that nearby ones follow each other, (n,) int64."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(xy).indices, dtype=np.int64)
