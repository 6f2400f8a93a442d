"""Propagate scores over the graph of neighbouring spots."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags

TOLERANCE = 1e-9
"""Relative error at which the iteration stops."""


def propagate(score: np.ndarray, graph: csr_matrix, usable: np.ndarray, share: float) -> np.ndarray:
    """Smooth scores by personalised PageRank: ``(1 - share) * (I - share * P)^-1 * score``.

    ``P`` averages over the neighbours of a spot, weighed by the graph; a spot without neighbours keeps its score.
    Evidence of single spots is noisy, and tissue regions are contiguous. Source: Klicpera, Bojchevski, Guennemann,
    "Predict then propagate", ICLR 2019.

    Parameters
    ----------
    score
        Score of each spot, (n,) float64.
    graph
        Symmetric weights of pairs of neighbours, (n, n).
    usable
        Spots that have a score, (n,) bool; the others take no part.
    share
        Weight of the neighbours, 0 to below 1; 0 leaves the scores unchanged.

    Returns
    -------
    Smoothed scores, (n,); those of spots that are not usable are unchanged.
    """
    if not share or not usable.any():
        return score
    walk, stay, _ = random_walk(graph, usable, share)
    origin = np.where(usable, score, 0.0)
    restart, smoothed = origin * stay, origin
    # Each step shrinks the error by the factor `share`.
    for _ in range(int(np.ceil(np.log(TOLERANCE) / np.log(share)))):
        smoothed = restart + walk @ smoothed
    return np.where(usable, smoothed, score)


def random_walk(graph: csr_matrix, usable: np.ndarray, share: float) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """Make the walk of :func:`propagate` over the usable spots.

    Returns
    -------
    ``share * P`` (n, n); the weight of each spot's own score (n,), ``1 - share``, and more where the weights of its
    neighbours add up to less than 1; and that sum, at least 1 (n,), by which the rows of the graph are divided.
    """
    if not usable.all():
        keep = diags(usable.astype(np.float64))
        graph = keep @ graph @ keep
    total = np.asarray(graph.sum(axis=1)).ravel()
    divisor = np.maximum(total, 1.0)
    return (diags(share / divisor) @ graph).tocsr(), 1.0 - share * np.minimum(total, 1.0), divisor
