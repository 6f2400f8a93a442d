"""Weigh pairs of neighbouring spots by their distance."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity

FULL, NONE = 1.3, 1.6
"""Distances, in units of the mean distance of a spot's nearest neighbours, up to which another spot is a neighbour with
weight 1, and from which it has weight 0. In even tissue the nearest neighbours lie within 1.5."""
FURTHER = 12
"""Places beside the nearest that are looked at. In even tissue fewer lie within reach."""
MAX_PAIRS = 10**8
"""Most pairs of neighbours, about a gigabyte."""


def neighbour_graph(xy: np.ndarray, n_neighbors: int, farthest: float) -> csr_matrix:
    """Weigh the neighbours of each spot by their distance.

    The weight of a pair is ``(1.6 - d / s) / 0.3``, cut at 0 and 1, where ``d`` is the distance and ``s`` the mean
    distance of the nearest places of one of the two; the larger weight counts. All six neighbours on a hexagonal
    lattice and all eight on a square one have weight 1. Unlike a fixed number of nearest neighbours, of which some may
    be equally far, the weights are continuous in the coordinates: turning a section and rounding to pixels hardly
    changes them. Spots at one place have the same neighbours, and each other with weight 1.

    Parameters
    ----------
    xy
        Spot centres, (n, 2).
    n_neighbors
        Nearest places whose mean distance is the scale; without any, there are no neighbours.
    farthest
        Farthest neighbour, in units of ``xy``.

    Returns
    -------
    Symmetric weights between 0 and 1, (n, n) float64; the spot itself has none.

    Raises
    ------
    ValueError
        If so many spots lie at few places that the pairs would not fit into memory.
    """
    if n_neighbors == 0:
        return csr_matrix((len(xy), len(xy)))
    values = np.ascontiguousarray(xy + 0.0, dtype=np.float64)  # -0 becomes 0
    distinct, of = np.unique(values.view(np.complex128).ravel(), return_inverse=True)
    if len(distinct) == len(xy):  # the usual case
        return _graph_of_places(xy, n_neighbors, farthest)
    places = distinct.view(np.float64).reshape(-1, 2)
    graph = _graph_of_places(places, n_neighbors, farthest) + identity(len(places), format="csr")
    number = np.bincount(of)
    n_pairs = float(number @ ((graph > 0) @ number.astype(np.float64)))
    if n_pairs > MAX_PAIRS:
        raise ValueError(
            f"{len(xy):,} spots lie at only {len(places):,} places, up to {number.max():,} at one, which makes "
            f"{n_pairs:.0e} pairs of neighbours (at most {MAX_PAIRS:.0e}). Use coordinates that are not rounded, or "
            "add cells up to spots with spacrd.pp.pseudospots."
        )
    spots = csr_matrix((np.ones(len(xy)), of, np.arange(len(xy) + 1)), shape=(len(xy), len(places)))
    return (spots @ graph @ spots.T - identity(len(xy), format="csr")).tocsr()


def _graph_of_places(xy: np.ndarray, n_neighbors: int, farthest: float) -> csr_matrix:
    """Weigh the neighbours of distinct places; see :func:`neighbour_graph`."""
    from scipy.spatial import cKDTree

    n = len(xy)
    candidates = min(n, n_neighbors + 1 + FURTHER)
    if candidates < 2:
        return csr_matrix((n, n))
    distance, index = cKDTree(xy).query(xy, k=candidates)
    other = (index != np.arange(n)[:, None]) & (distance <= farthest)
    # The candidates come sorted, so that the scale is that of the first ones other than the place.
    first = other & (np.cumsum(other, axis=1) <= n_neighbors)
    scale = np.where(first, distance, 0.0).sum(axis=1) / np.maximum(first.sum(axis=1), 1)
    if candidates < n:
        # The last candidate has weight 0: which one is the last, of several equally far ones, then does not matter.
        scale = np.minimum(scale, distance[:, -1] / NONE)
    relative = np.divide(distance, scale[:, None], out=np.full_like(distance, np.inf), where=other)
    weight = np.clip((NONE - relative) / (NONE - FULL), 0.0, 1.0)
    graph = csr_matrix((weight.ravel(), index.ravel(), np.arange(n + 1) * candidates), shape=(n, n))
    graph.eliminate_zeros()
    return graph.maximum(graph.T).tocsr()
