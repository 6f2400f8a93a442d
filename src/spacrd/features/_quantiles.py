"""Quantiles of the columns of a section, which read sparse rows once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._blocks import block_sizes, blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TAIL = 0.02
"""Share of a column's values at each end that ``"quantile"`` clips."""
_ZERO = np.uint32(1 << 31)
"""Lower half of the key of 0; see :func:`_keys`."""


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
    rank, width = TAIL * (int(valid.sum()) - 1), matrix.shape[1]
    pieces, n_zeros = [np.empty(0, np.uint64)], np.zeros(width, dtype=np.int64)
    for rows in blocks(matrix.shape[0]):
        block = matrix[rows] if valid[rows].all() else matrix[rows][valid[rows]]
        pieces.append(_keys(block))
        n_zeros += block.shape[0] - np.bincount(block.indices, minlength=width)
        if 16 * sum(map(len, pieces[1:])) > block_sizes.column_bytes:
            pieces = [_ends(_sorted(pieces), n_zeros, int(rank) + 2)]
    keys = _sorted(pieces)
    if not len(keys):
        return np.zeros(width, np.float32), np.zeros(width, np.float32)
    starts, negative, positive, stops = _places(keys, width)
    low = _at_rank(keys, rank, n_zeros, starts, negative - starts, 1)
    return low, _at_rank(keys, rank, n_zeros, stops - 1, stops - positive, -1)


def _keys(block: csr_matrix) -> np.ndarray:
    """Return integers that have the order of columns and, within a column, of values, (nnz,) uint64."""
    bits = block.data.astype(np.float32).view(np.uint32)
    ordered = np.where(bits >> 31, ~bits, bits | _ZERO)  # the bits of negative numbers fall
    return (block.indices.astype(np.uint64) << np.uint64(32)) | ordered


def _sorted(pieces: list[np.ndarray]) -> np.ndarray:
    """Join and sort keys."""
    keys = np.concatenate(pieces)
    keys.sort()
    return keys


def _places(keys: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Find where each column starts, where its negative values stop, its positive ones start, and where it stops."""
    column = np.arange(width, dtype=np.uint64) << np.uint64(32)
    return tuple(keys.searchsorted(column + np.uint64(first)) for first in (0, _ZERO, _ZERO + 1, 2**32))


def _ends(keys: np.ndarray, n_zeros: np.ndarray, size: int) -> np.ndarray:
    """Keep the ``size`` highest of the sorted keys of each column, and the lowest unless zeros are lower."""
    starts, negative, _, stops = _places(keys, len(n_zeros))
    low_stops = np.minimum(np.where(n_zeros < size, stops, negative), starts + size)
    high_starts = np.maximum(starts, stops - size)
    kept = np.zeros(len(keys), dtype=bool)
    for start, low_stop, high_start, stop in np.column_stack([starts, low_stops, high_starts, stops]).tolist():
        kept[start:low_stop] = kept[high_start:stop] = True
    return keys[kept]


def _at_rank(
    keys: np.ndarray, rank: float, n_zeros: np.ndarray, first: np.ndarray, n_beyond: np.ndarray, step: int
) -> np.ndarray:
    """Return the value of a rank, counted from one end and interpolated, among the sorted keys and zeros, float32.

    The ``first`` key of each column lies at that end, the others in direction ``step``; zeros come after ``n_beyond``.
    """
    found = []
    for position in (int(rank), int(rank) + 1):
        passed = position - np.where(position < n_beyond, 0, n_zeros)
        ordered = keys[(first + step * passed).clip(0, len(keys) - 1)].astype(np.uint32)
        values = np.where(ordered >= _ZERO, ordered ^ _ZERO, ~ordered).view(np.float32).astype(np.float64)
        found.append(np.where((position >= n_beyond) & (passed < n_beyond), 0.0, values))
    return (found[0] + (rank - int(rank)) * (found[1] - found[0])).astype(np.float32)
