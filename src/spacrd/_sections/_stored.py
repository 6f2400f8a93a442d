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


def is_whole(rows: np.ndarray, n: int) -> bool:
    """Whether ``rows`` are all of ``n``, in order."""
    return len(rows) == n and bool((rows == np.arange(n)).all())


@dataclass(frozen=True)
class Stored:
    """Some rows of a matrix on disk, read when they are asked for.

    Attributes
    ----------
    matrix
        Backed sparse matrix of AnnData, or an array of zarr, h5py or dask.
    positions
        Its rows that are meant, (n,).
    sparse
        Whether blocks are given as CSR matrices, else as arrays.
    """

    matrix: Any
    positions: np.ndarray
    sparse: bool
    on_disk = True

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.positions), int(self.matrix.shape[1])

    def __getitem__(self, rows: Any) -> Any:
        """Some rows as float32 or float64, sparse or dense; any order, repeats allowed.

        Stretches of the file that hold a wanted row are read once each, in order: storage is made for that, and single
        rows cost as much as the chunk they lie in.
        """
        wanted = self.positions[rows]
        if not len(wanted):
            return self._read(0, 0)
        distinct, place = np.unique(wanted, return_inverse=True)
        step = self._step()
        parts = []
        edges = np.flatnonzero(np.diff(distinct // step)) + 1
        for group in np.split(distinct, edges):
            start = int(group[0])
            block = self._read(start, int(group[-1]) + 1)
            parts.append(block if len(group) == block.shape[0] else block[group - start])
        block = parts[0] if len(parts) == 1 else self._join(parts)
        return block if is_whole(place, len(distinct)) else block[place]

    def _step(self) -> int:
        """Rows of a stretch: whole chunks."""
        chunks = getattr(self.matrix, "chunks", None)
        first = chunks[0] if chunks else 1
        chunk = max(1, int(max(first) if isinstance(first, tuple) else first))
        return -(-ROWS // chunk) * chunk

    def _join(self, parts: list[Any]) -> Any:
        from scipy.sparse import vstack

        return vstack(parts, format="csr") if self.sparse else np.concatenate(parts)

    def _read(self, start: int, stop: int) -> Any:
        from scipy.sparse import csr_matrix, issparse

        block = self.matrix[start:stop]
        if hasattr(block, "compute"):
            block = block.compute(scheduler="synchronous")
        if not issparse(block):
            block = np.asarray(block)
        # Other dtypes cannot be summed by scipy, or overflow.
        kept = block if block.dtype in (np.float32, np.float64) else block.astype(np.float32)
        return csr_matrix(kept) if self.sparse else kept
