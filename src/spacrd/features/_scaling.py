"""Scale features within a section, block by block: no matrix is made dense, or read from disk, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ._blocks import blocks
from ._quantiles import column_quantiles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SCALINGS = ("minmax", "quantile", "zscore", "none")


class Matrix(Protocol):
    """Describe rows in memory or on disk: an array, a scipy matrix, or anything that gives either on indexing."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the numbers of rows and columns."""
        ...

    def __getitem__(self, rows: Any) -> Any:
        """Return some rows, sparse or dense."""
        ...


def on_disk(matrix: Any) -> bool:
    """Tell whether rows of a :class:`Matrix` are read from disk each time."""
    return bool(getattr(matrix, "on_disk", False))


@dataclass(frozen=True)
class Scaled:
    """Clip and scale rows of ``matrix`` when they are read.

    Attributes
    ----------
    matrix
        Unscaled rows.
    low, high
        Bounds of each column, (width,) float32; None for no clipping.
    factor
        Factor of each column, (width,) float64.
    """

    matrix: Any  # a Matrix
    low: np.ndarray | None
    high: np.ndarray | None
    factor: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the numbers of rows and columns."""
        return self.matrix.shape

    @property
    def on_disk(self) -> bool:
        """Tell whether rows are read from disk each time."""
        return on_disk(self.matrix)

    @property
    def zero(self) -> np.ndarray:
        """Return the clipped value of 0 of each column; it is subtracted from sparse rows, so that they stay sparse."""
        zeros = np.zeros(len(self.factor), np.float32)
        return zeros if self.low is None else np.clip(zeros, self.low, self.high)

    def __getitem__(self, rows: Any) -> csr_matrix | np.ndarray:
        """Return scaled rows without the offset, float32."""
        block = self.matrix[rows]
        if isinstance(block, np.ndarray):
            clipped = block if self.low is None else np.clip(block, self.low, self.high)
            return (clipped * self.factor).astype(np.float32)
        column = block.indices
        data = block.data if self.low is None else np.clip(block.data, self.low[column], self.high[column])  # type: ignore[index]
        data = data if self.low is None else data - self.zero[column]
        scaled = block.copy()
        scaled.data = (data * self.factor[column]).astype(np.float32)
        return scaled


@dataclass(frozen=True)
class Features:
    """Hold the scaled features of one modality; rows become dense only when a batch reads them.

    Attributes
    ----------
    matrix
        Scaled values without the offset, (n, width) float32, sparse or dense.
    offset
        Added to every dense row, (s, width) float32: one row per section.
    section
        Row of ``offset`` for each row of ``matrix``, (n,).
    valid
        Rows that have this modality, (n,) bool; the others are zero.
    present
        Columns that the section has, (width,) bool: it may lack genes of the model.
    """

    matrix: Any  # a Matrix
    offset: np.ndarray
    section: np.ndarray
    valid: np.ndarray
    present: np.ndarray

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Return dense scaled rows, (len(index), width) float32."""
        block = self.matrix[index]
        dense = block if isinstance(block, np.ndarray) else block.toarray()
        dense = dense + self.offset[self.section[index]]
        dense[~self.valid[index]] = 0.0
        return dense

    def take(self, index: np.ndarray) -> Features:
        """Load some of the rows into memory."""
        matrix = self.matrix[index]
        if isinstance(matrix, np.ndarray):
            matrix[~self.valid[index]] = 0.0
        return replace(self, matrix=matrix, section=self.section[index], valid=self.valid[index])

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return int(self.matrix.shape[1])

    def mean(self) -> np.ndarray:
        """Compute the mean of the spots of one section that have the modality, (width,) float64; 0 if none has."""
        if not self.valid.any():
            return np.zeros(self.width)
        total = np.zeros(self.width)
        for rows in blocks(len(self.valid)):
            total += self.valid[rows].astype(np.float64) @ self.matrix[rows]
        return total / self.valid.sum() + self.offset[0]

    def multiply(self, weights: np.ndarray) -> np.ndarray:
        """Multiply the rows of one section with ``weights`` (width, r), (n, r) float64; 0 where they are not valid."""
        products = np.zeros((len(self.valid), weights.shape[1]))
        for rows in blocks(len(self.valid)):
            products[rows] = self.matrix[rows] @ weights
        products += self.offset[0].astype(np.float64) @ weights
        products[~self.valid] = 0.0
        return products

    @classmethod
    def stack(cls, sections: Sequence[Features]) -> Features:
        """Stack the rows of several sections in memory; each section keeps its offset."""
        from scipy.sparse import vstack

        matrices = [features.take(np.arange(len(features.section))).matrix for features in sections]
        dense = isinstance(matrices[0], np.ndarray)
        return cls(
            np.vstack(matrices) if dense else vstack(matrices, format="csr"),
            np.vstack([features.offset for features in sections]),
            np.repeat(np.arange(len(sections)), [len(features.section) for features in sections]),
            np.concatenate([features.valid for features in sections]),
            np.logical_and.reduce([features.present for features in sections]),
        )


def scale(matrix: Matrix, scaling: str, valid: np.ndarray) -> Features:
    """Scale each column by statistics of the section's valid rows; constant columns become 0.

    This is the method's only adaptation between sections, and it reads no labels. Rows are scaled when they are read.
    """
    n, width = matrix.shape
    section, present = np.zeros(n, dtype=np.int64), np.ones(width, dtype=bool)
    if not valid.any():
        return Features(matrix, np.zeros((1, width), np.float32), section, valid, present)
    low = high = None
    if scaling == "quantile":
        low, high = column_quantiles(matrix, valid)
        centre, spread = low.astype(np.float64), high.astype(np.float64) - low
    else:
        centre, spread = _statistics(matrix, valid, scaling)
    # Rounding errors spread a constant column a little.
    constant = spread <= 1e-6 * np.maximum(np.abs(centre), 1.0)
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=~constant)
    scaled = Scaled(matrix, low, high, factor)
    shift = scaled.zero if not isinstance(matrix[:1], np.ndarray) else 0.0
    return Features(scaled, ((shift - centre) * factor).astype(np.float32)[None], section, valid, present)


def _statistics(matrix: Matrix, valid: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Compute centre and spread of each column over the valid rows, float64."""
    n, width = matrix.shape
    if scaling == "none":
        return np.zeros(width), np.ones(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    count, mean, squares = 0, np.zeros(width), np.zeros(width)
    for rows in blocks(n):
        if not valid[rows].any():
            continue
        block = matrix[rows]
        if not valid[rows].all():
            block = block[valid[rows]]
        if scaling == "minmax":
            low = np.minimum(low, _dense_row(block.min(axis=0)))
            high = np.maximum(high, _dense_row(block.max(axis=0)))
            continue
        block_mean, block_squares = _moments(block)
        # Moments of two sets joined: Chan, Golub, LeVeque (1979).
        total = count + block.shape[0]
        squares += block_squares + (block_mean - mean) ** 2 * (count * block.shape[0] / total)
        mean += (block_mean - mean) * (block.shape[0] / total)
        count = total
    if scaling == "minmax":
        return low, high - low
    return mean, np.sqrt(np.maximum(squares / count, 0.0))


def _dense_row(row: Any) -> np.ndarray:
    return np.asarray(row.toarray() if hasattr(row, "toarray") else row, dtype=np.float64).ravel()


def _moments(block: csr_matrix | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and sum of squared deviations of each column, float64."""
    if isinstance(block, np.ndarray):
        values = block.astype(np.float64)
        mean = values.mean(axis=0)
        return mean, np.square(values - mean).sum(axis=0)
    from sklearn.utils.sparsefuncs import mean_variance_axis

    # In two passes: the difference of two sums would leave rounding errors of a constant column.
    mean, variance = mean_variance_axis(block.astype(np.float64), axis=0)
    return mean, variance * block.shape[0]
