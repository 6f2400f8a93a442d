"""Collect the statistics of a linear discriminant from training sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..features import Features, NetworkInputs, blocks
from ..model import RANK, Discriminant

RIDGE = {"expression": 0.003, "image": 0.01}
"""Share of the total variance that is added to that of every feature."""
MAX_SPOTS = 5_000
"""Most labelled spots of a class that are read of a section, evenly spaced."""
ITERATIONS = 5
"""Subspace iterations for the leading factors."""
OVERSAMPLING = 16
DENSE = 0.06
"""Share of values other than 0 from which products of dense blocks are faster than sparse ones."""


@dataclass(frozen=True)
class Sample:
    """Hold what a discriminant reads of one section, alike in every fold.

    Attributes
    ----------
    features
        Features of the labelled spots, or of :data:`MAX_SPOTS` of each class.
    target
        Their labels, (n,).
    mean
        Mean feature of all spots that have the modality, (width,); None if none has it.
    """

    features: Features
    target: np.ndarray
    mean: np.ndarray | None


def read_sample(section: NetworkInputs, modality: str) -> Sample:
    """Read the labelled spots of a section, and its mean."""
    features = section.features[modality]
    rows = labelled_rows(section, modality)
    return Sample(features.take(rows), section.target[rows], features.mean() if features.valid.any() else None)


def fit_discriminant(samples: Sequence[Sample], modality: str) -> Discriminant:
    """Collect the statistics of one modality over the labelled spots; all are zero without labels of both classes."""
    width = samples[0].features.width
    empty = Discriminant.empty(width, min(RANK, width))
    samples = [sample for sample in samples if sample.mean is not None]
    target = np.concatenate([sample.target for sample in samples] or [np.empty(0)])
    if len(np.unique(target)) < 2:
        return empty
    chosen = Features.stack([sample.features for sample in samples])
    spots = _WeightedSpots(chosen, equal_weights(target))
    contrast = spots.sums(2.0 * target - 1.0)
    mean = np.zeros(chosen.width)
    if modality == "expression":  # embeddings have no depth to be blind to
        mean = np.mean([sample.mean for sample in samples if sample.mean is not None], axis=0)
    variance = spots.variance()
    arrays = (mean, contrast, variance, spots.factors(empty.rank), RIDGE[modality] * variance.sum())
    return Discriminant(*(np.asarray(array, np.float32) for array in arrays))


def equal_weights(target: np.ndarray) -> np.ndarray:
    """Weigh the spots of both classes alike; all weights add up to 1."""
    return np.where(target == 1, 0.5 / (target == 1).sum(), 0.5 / (target == 0).sum())


def labelled_rows(section: NetworkInputs, modality: str) -> np.ndarray:
    """Choose the labelled spots to read."""
    chosen = []
    for label in (0, 1):
        rows = np.flatnonzero((section.target == label) & section.features[modality].valid)
        if len(rows) > MAX_SPOTS:
            rows = rows[np.linspace(0, len(rows) - 1, MAX_SPOTS).round().astype(np.int64)]
        chosen.append(rows)
    return np.sort(np.concatenate(chosen))


@dataclass(frozen=True)
class _WeightedSpots:
    """Compute moments of weighted spots; sparse features stay sparse.

    Attributes
    ----------
    features
        Features of the spots, of several sections.
    weight
        Weight of each spot, (n,); they add up to 1.
    """

    features: Features
    weight: np.ndarray

    def sums(self, factor: np.ndarray | float = 1.0) -> np.ndarray:
        """Sum the features, weighted and multiplied with ``factor`` (n,), (width,) float64."""
        weight = self.weight * factor
        by_section = np.bincount(self.features.section, weight, minlength=len(self.features.offset))
        return np.asarray(self.features.matrix.T @ weight + by_section @ self.features.offset)

    def variance(self) -> np.ndarray:
        """Compute the variance of each feature, (width,) float64."""
        matrix, offset = self.features.matrix, self.features.offset.astype(np.float64)
        weights = self.weight[:, None] * (self.features.section[:, None] == np.arange(len(offset)))
        squares = np.square(matrix) if isinstance(matrix, np.ndarray) else matrix.multiply(matrix).tocsr()
        mixed = 2.0 * offset * np.asarray(matrix.T @ weights).T + offset**2 * weights.sum(axis=0)[:, None]
        total = np.asarray(squares.T @ self.weight) + mixed.sum(axis=0)
        return np.maximum(total - np.square(self.sums()), 0.0)

    def factors(self, rank: int) -> np.ndarray:
        """Compute the leading factors of the covariance, (width, rank) float64.

        By subspace iteration with a fixed start: Halko, Martinsson, Tropp (2011).
        """
        from scipy.linalg import qr

        parts, mean = [(rows, self._read(rows)) for rows in blocks(len(self.weight))], self.sums()
        basis = np.random.default_rng(0).normal(size=(len(mean), min(len(mean), rank + OVERSAMPLING)))
        basis = basis.astype(np.float32)
        for _ in range(ITERATIONS):
            basis, _ = qr(self._covariance(basis, parts, mean), mode="economic")
        values, rotation = np.linalg.eigh((basis.T @ self._covariance(basis, parts, mean)).astype(np.float64))
        leading = np.argsort(-values)[:rank]
        factors = basis @ rotation[:, leading] * np.sqrt(np.maximum(values[leading], 0.0))
        # Their signs are arbitrary, and would follow rounding errors.
        largest = factors[np.abs(factors).argmax(axis=0), np.arange(factors.shape[1])]
        return np.asarray(factors * np.where(largest < 0, -1.0, 1.0))

    def _read(self, rows: slice) -> Any:
        """Read some rows without their offset, dense where products then are faster."""
        block = self.features.matrix[rows]
        if isinstance(block, np.ndarray) or block.nnz <= DENSE * block.shape[0] * block.shape[1]:
            return block
        return block.toarray()

    def _covariance(self, basis: np.ndarray, parts: Sequence[tuple[slice, Any]], mean: np.ndarray) -> np.ndarray:
        """Multiply the covariance of the features, read in parts, with a basis (width, r), float32."""
        offset, section = self.features.offset, self.features.section
        # The mean drops out of the second product: the weighted, centred projections add up to zero.
        shift = ((offset - mean) @ basis).astype(np.float32)
        total, by_section = np.zeros(basis.shape), np.zeros((len(offset), basis.shape[1]))
        for rows, block in parts:
            projected = (block @ basis + shift[section[rows]]) * self.weight[rows, None].astype(np.float32)
            total += block.T @ projected
            by_section += (section[rows] == np.arange(len(offset))[:, None]).astype(np.float32) @ projected
        return (total + offset.T @ by_section).astype(np.float32)
