"""Quantiles of the columns of a section, which read sparse rows once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._blocks import block_sizes, blocks

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix

TAIL = 0.02
"""Share of a column's values at each end that ``"quantile"`` clips."""


def column_quantiles(matrix: Any, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the quantiles :data:`TAIL` and 1 - ``TAIL`` of each column over the valid rows, float32.

    They are interpolated linearly, as by :func:`numpy.quantile`. ``matrix`` has rows in memory or on disk.
    """
    return (_of_dense if isinstance(matrix[:1], np.ndarray) else _of_sparse)(matrix, valid)


def _of_dense(matrix: Any, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the quantiles of as many columns at a time as fit into memory."""
    n, width = matrix.shape
    quantiles = np.empty((2, width), dtype=np.float32)
    step = max(1, block_sizes.column_bytes // (4 * int(valid.sum())))
    for start in range(0, width, step):
        columns = slice(start, start + step)
        values = np.empty((len(range(*columns.indices(width))), int(valid.sum())), dtype=np.float32)
        filled = 0
        for rows in blocks(n):
            block = matrix[rows][:, columns][valid[rows]]
            values[:, filled : filled + len(block)] = block.T
            filled += len(block)
        quantiles[:, columns] = np.quantile(values, [TAIL, 1 - TAIL], axis=1, overwrite_input=True)
    return quantiles[0], quantiles[1]


def _of_sparse(matrix: Any, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the quantiles from the lowest and the highest values of each column, read in one pass."""
    n, width = int(valid.sum()), matrix.shape[1]
    below = TAIL * (n - 1)
    size = int(below) + 2
    highest, lowest = ([np.empty(0, np.float32)] * width for _ in range(2))
    stored = np.zeros(width, dtype=np.int64)
    for chunk in _chunks(matrix, valid):
        number = np.diff(chunk.indptr)
        # Where there are so many zeros, positive values are not among the lowest.
        counts_low = (chunk.shape[0] - number < size) | (chunk.data.min(initial=0) < 0)
        for column in np.flatnonzero(number).tolist():
            values = chunk.data[chunk.indptr[column] : chunk.indptr[column + 1]]
            highest[column] = _largest(values, highest[column], size)
            if counts_low[column]:
                lowest[column] = _largest(-values, lowest[column], size)
        stored += number
    low, high = np.zeros((2, width), dtype=np.float32)
    zeros = (n - stored).tolist()
    # A column of few values has a quantile of 0, as long as none is negative.
    for column in np.flatnonzero((stored > below) | np.fromiter(map(len, lowest), dtype=bool, count=width)).tolist():
        high[column] = _from_above(highest[column], zeros[column], below)
        if len(lowest[column]):
            low[column] = 0.0 - _from_above(lowest[column], zeros[column], below)
    return low, high


def _chunks(matrix: Any, valid: np.ndarray) -> Iterator[csc_matrix]:
    """Read the valid rows, in pieces of as many stored values as fit into memory."""
    from scipy.sparse import vstack

    pieces: list[Any] = []
    for rows in blocks(matrix.shape[0]):
        block = matrix[rows]
        pieces.append(block if valid[rows].all() else block[valid[rows]])
        if 16 * sum(piece.nnz for piece in pieces) > block_sizes.column_bytes:
            yield vstack(pieces, format="csc")
            pieces = []
    if pieces:
        yield vstack(pieces, format="csc")


def _largest(values: np.ndarray, others: np.ndarray, size: int) -> np.ndarray:
    """Return the ``size`` largest of some values and others, unsorted."""
    both = np.concatenate([values, others]) if len(others) else values
    return (np.partition(both, len(both) - size)[-size:] if len(both) > size else both).copy()  # no view of the chunk


def _from_above(values: np.ndarray, n_zeros: int, rank: float) -> float:
    """Return the value of a rank, counted down from 0 and interpolated, among the largest values and zeros."""
    falling = np.sort(values)[::-1]
    positive = int((falling > 0).sum())

    def at(position: int) -> float:
        if position >= positive:
            position = max(positive, position - n_zeros) if position >= positive + n_zeros else -1
        return float(falling[position]) if position >= 0 else 0.0

    lower, share = int(rank), rank - int(rank)
    return at(lower) if not share else at(lower) + share * (at(lower + 1) - at(lower))
