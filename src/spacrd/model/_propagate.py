"""Scores of neighbouring spots brought into agreement, by diffusion over the section."""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-9
"""What is left of the starting error when the diffusion stops."""


def propagate(
    score: np.ndarray, neighbours: np.ndarray, mask: np.ndarray, usable: np.ndarray, share: float
) -> np.ndarray:
    """Personalised PageRank of the scores: ``(1 - share) * (I - share * P)^-1 * score``.

    ``P`` averages over a spot's neighbours, two spots being neighbours if either counts the other among its nearest.
    Each spot ends with a mean over the spots that a walk passes which goes on to a neighbour with probability ``share``
    and else stops: evidence of single spots is noisy, and tissue regions are contiguous. Predict, then propagate:
    Klicpera, Bojchevski, Guennemann, ICLR 2019.

    Parameters
    ----------
    score
        (n,) float64.
    neighbours, mask
        Neighbourhoods as row positions, (n, t), the spot itself first, and which of them are real.
    usable
        Spots that have a score, (n,) bool; the others neither give nor take.
    share
        0 leaves the scores as they are.

    Returns
    -------
    Diffused scores of the same shape; spots that are not usable as they were.
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
    lonely = degree == 0
    weight = np.divide(share, degree, out=np.zeros(n), where=~lonely)
    graph.data *= np.repeat(weight, np.diff(graph.indptr))
    origin = np.where(usable, score, 0.0)
    # A spot without neighbours keeps its score.
    fresh = origin * np.where(lonely, 1.0, 1.0 - share)
    found = origin
    # Each step shrinks the error by the factor `share`.
    for _ in range(int(np.ceil(np.log(TOLERANCE) / np.log(share)))):
        found = fresh + graph @ found
    return np.where(usable, found, score)
