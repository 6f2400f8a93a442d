"""Matrices that stay on disk: backed AnnData, zarr, HDF5 and dask arrays, read some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

ROWS = 4096
"""Rows that are read at once at least."""


def in_memory(matrix: Any) -> bool:
    """Whether a matrix of an AnnData lies in memory."""
    from scipy.sparse import issparse

    return isinstance(matrix, np.ndarray | pd.DataFrame) or issparse(matrix)


def as_floats(stored: Any, dtype: type) -> np.ndarray:
    """Return an array or DataFrame as floats, NaN where a value is masked or missing."""
    if np.iscomplexobj(stored):
        raise TypeError("complex numbers")
    if isinstance(stored, pd.DataFrame):
        return stored.to_numpy(dtype=dtype, na_value=np.nan)
    if isinstance(stored, np.ma.MaskedArray):
        return np.ma.filled(stored.astype(dtype), np.nan)
    return np.asarray(stored, dtype=dtype)


def is_whole(rows: np.ndarray, n: int) -> bool:
    """Whether ``rows`` are all of ``n``, in order."""
    return len(rows) == n and bool((rows == np.arange(n)).all())


@dataclass(frozen=True)
class Stored:
    """Rows of a matrix on disk, read when they are asked for.

    Attributes
    ----------
    matrix
        Backed sparse matrix of AnnData, or an array of zarr, h5py or dask.
    positions
        Its rows, (n,).
    sparse
        Whether blocks are given as CSR matrices, else as arrays.
    columns
        The columns to read, (m,); None for all.
    """

    matrix: Any
    positions: np.ndarray
    sparse: bool
    columns: np.ndarray | None = None
    on_disk = True

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        width = int(self.matrix.shape[1]) if self.columns is None else len(self.columns)
        return len(self.positions), width

    def __getitem__(self, rows: Any) -> Any:
        """Read some rows as float32 or float64, sparse or dense; any order, repeats allowed.

        Stretches of the file that hold one of the rows are read once each, in order: storage is made for that, and
        single rows cost as much as the chunk they lie in.
        """
        positions = self.positions[rows]
        if not len(positions):
            return self._read(0, 0)
        distinct, order = np.unique(positions, return_inverse=True)
        step = self._step()
        stretches = []
        edges = np.flatnonzero(np.diff(distinct // step)) + 1
        for group in np.split(distinct, edges):
            start = int(group[0])
            block = self._read(start, int(group[-1]) + 1)
            stretches.append(block if len(group) == block.shape[0] else block[group - start])
        block = stretches[0] if len(stretches) == 1 else self._join(stretches)
        return block if is_whole(order, len(distinct)) else block[order]

    def _step(self) -> int:
        """Return how many rows to read at once: whole chunks."""
        chunks = getattr(self.matrix, "chunks", None)
        first = chunks[0] if chunks else 1
        chunk = max(1, int(max(first) if isinstance(first, tuple) else first))
        return -(-ROWS // chunk) * chunk

    def _join(self, blocks: list[Any]) -> Any:
        from scipy.sparse import vstack

        return vstack(blocks, format="csr") if self.sparse else np.concatenate(blocks)

    def _read(self, start: int, stop: int) -> Any:
        from scipy.sparse import csr_matrix, issparse

        block = self.matrix[start:stop]
        if hasattr(block, "compute"):
            block = block.compute(scheduler="synchronous")
        if not issparse(block):
            block = np.asarray(block)
        if self.columns is not None:
            block = block[:, self.columns]
        # Other dtypes cannot be summed by scipy, or overflow.
        floats = block if block.dtype in (np.float32, np.float64) else block.astype(np.float32)
        return csr_matrix(floats) if self.sparse else floats
