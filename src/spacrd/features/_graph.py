"""Weigh pairs of neighbouring spots by their distance."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

FULL, NONE = 1.3, 1.6
"""Distances, in units of the mean distance of a spot's nearest neighbours, up to which another spot is a neighbour with
weight 1, and from which it has weight 0. In even tissue the nearest neighbours lie within 1.5."""


def neighbour_graph(xy: np.ndarray, n_neighbors: int, farthest: float) -> csr_matrix:
    """Weigh the neighbours of each spot by their distance.

    The weight of a pair is ``(1.6 - d / s) / 0.3``, cut at 0 and 1, where ``d`` is the distance and ``s`` the mean
    distance of the nearest neighbours of one of the two; the larger weight counts. All six neighbours on a hexagonal
    lattice and all eight on a square one have weight 1. Unlike a fixed number of nearest neighbours, of which some may
    be equally far, the weights are continuous in the coordinates: turning a section and rounding to pixels hardly
    changes them.

    Parameters
    ----------
    xy
        Spot centres, (n, 2).
    n_neighbors
        Nearest neighbours whose mean distance is the scale.
    farthest
        Farthest neighbour, in units of ``xy``.

    Returns
    -------
    Symmetric weights between 0 and 1, (n, n) float64; the spot itself has none.
    """
    from scipy.spatial import cKDTree

    n = len(xy)
    candidates = min(n, n_neighbors + 1 + 12)
    if n_neighbors == 0 or candidates < 2:
        return csr_matrix((n, n))
    distance, index = cKDTree(xy).query(xy, k=candidates)
    other = (index != np.arange(n)[:, None]) & (distance <= farthest)
    # The candidates come sorted, so that the scale is that of the first ones other than the spot.
    first = other & (np.cumsum(other, axis=1) <= n_neighbors)
    scale = np.where(first, distance, 0.0).sum(axis=1) / np.maximum(first.sum(axis=1), 1)
    # Spots at one place are neighbours of each other alone.
    alone = np.where(distance > 0, np.inf, 0.0)
    relative = np.divide(distance, scale[:, None], out=alone, where=other & (scale[:, None] > 0))
    weight = np.where(other, np.clip((NONE - relative) / (NONE - FULL), 0.0, 1.0), 0.0)
    graph = csr_matrix((weight.ravel(), index.ravel(), np.arange(n + 1) * candidates), shape=(n, n))
    graph.eliminate_zeros()
    return graph.maximum(graph.T).tocsr()
