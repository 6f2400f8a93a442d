"""Collect the statistics of a linear discriminant from training sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Features, NetworkInputs
from ..model import Discriminant

RIDGE = {"expression": 0.003, "image": 0.01}
"""Share of the total variance that is added to that of every feature."""
MAX_SPOTS = 5_000
"""Most labelled spots of a class that are read of a section, evenly spaced."""
ITERATIONS = 5
"""Subspace iterations for the leading factors."""
OVERSAMPLING = 16


def fit_discriminant(sections: Sequence[NetworkInputs], modality: str) -> Discriminant:
    """Collect the statistics of one modality over the labelled spots; all are zero without labels of both classes."""
    empty = Discriminant.empty(sections[0].features[modality].width)
    with_features = [section for section in sections if section.features[modality].valid.any()]
    rows = [_labelled(section, modality) for section in with_features]
    target = np.concatenate([s.target[r] for s, r in zip(with_features, rows, strict=True)] or [np.empty(0)])
    if len(np.unique(target)) < 2:
        return empty
    chosen = Features.stack([s.features[modality].take(r) for s, r in zip(with_features, rows, strict=True)])
    spots = _WeightedSpots(chosen, np.where(target == 1, 0.5 / (target == 1).sum(), 0.5 / (target == 0).sum()))
    contrast = spots.sums(2.0 * target - 1.0)
    mean = np.zeros(chosen.width)
    if modality == "expression":  # embeddings have no depth to be blind to
        mean = np.mean([section.features[modality].mean() for section in with_features], axis=0)
    arrays = (mean, contrast, spots.variance(), spots.factors(empty.rank), RIDGE[modality])
    return Discriminant(*(np.asarray(array, np.float32) for array in arrays))


def _labelled(section: NetworkInputs, modality: str) -> np.ndarray:
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
        width = self.features.width
        basis = np.random.default_rng(0).normal(size=(width, min(width, rank + OVERSAMPLING)))
        for _ in range(ITERATIONS):
            basis, _ = np.linalg.qr(self._covariance(basis))
        values, rotation = np.linalg.eigh(basis.T @ self._covariance(basis))
        leading = np.argsort(-values)[:rank]
        return np.asarray(basis @ rotation[:, leading] * np.sqrt(np.maximum(values[leading], 0.0)))

    def _covariance(self, basis: np.ndarray) -> np.ndarray:
        """Multiply the covariance with a basis (width, r)."""
        matrix, offset, section = self.features.matrix, self.features.offset, self.features.section
        projected = np.asarray(matrix @ basis) + (offset @ basis)[section]
        projected -= self.weight @ projected
        projected *= self.weight[:, None]
        by_section = np.zeros((len(offset), basis.shape[1]))
        np.add.at(by_section, section, projected)
        # The mean drops out: the weighted, centred projections add up to zero.
        return np.asarray(matrix.T @ projected) + offset.T @ by_section
