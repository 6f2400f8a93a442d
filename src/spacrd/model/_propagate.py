"""Propagate scores over the graph of neighbouring spots."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-9
"""Relative error at which the iteration stops."""


def propagate(
    score: np.ndarray, neighbours: np.ndarray, mask: np.ndarray, usable: np.ndarray, share: float
) -> np.ndarray:
    """Smooth scores by personalised PageRank: ``(1 - share) * (I - share * P)^-1 * score``.

    ``P`` averages over the neighbours of a spot; two spots are neighbours if one is among the nearest of the other.
    Evidence of single spots is noisy, and tissue regions are contiguous. Source: Klicpera, Bojchevski, Guennemann,
    "Predict then propagate", ICLR 2019.

    Parameters
    ----------
    score
        Score of each spot, (n,) float64.
    neighbours, mask
        Neighbourhoods as row positions, (n, t), the spot itself first, and which of them are real.
    usable
        Spots that have a score, (n,) bool; the others take no part.
    share
        Weight of the neighbours, 0 to below 1; 0 leaves the scores unchanged.

    Returns
    -------
    Smoothed scores, (n,); those of spots that are not usable are unchanged.
    """
    from scipy.sparse import csr_matrix

    if not share or not usable.any():
        return score
    n, k = len(neighbours), neighbours.shape[1] - 1
    edge = mask[:, 1:] & usable[neighbours[:, 1:]] & usable[:, None]
    start = np.arange(n) * k
    graph = csr_matrix(
        (edge.ravel().astype(np.float64), neighbours[:, 1:].ravel(), np.append(start, n * k)), shape=(n, n)
    )
    graph.sum_duplicates()
    graph = graph.maximum(graph.T).tocsr()
    graph.eliminate_zeros()
    degree = np.asarray(graph.sum(axis=1)).ravel()
    isolated = degree == 0
    weight = np.divide(share, degree, out=np.zeros(n), where=~isolated)
    graph.data *= np.repeat(weight, np.diff(graph.indptr))
    origin = np.where(usable, score, 0.0)
    # A spot without neighbours keeps its score.
    restart = origin * np.where(isolated, 1.0, 1.0 - share)
    smoothed = origin
    # Each step shrinks the error by the factor `share`.
    for _ in range(int(np.ceil(np.log(TOLERANCE) / np.log(share)))):
        smoothed = restart + graph @ smoothed
    return np.where(usable, smoothed, score)
