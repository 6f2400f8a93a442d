"""A linear discriminant that is solved for the features that a section has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Features

RANK = 64
"""Most factors of the covariance."""
ROUNDING = 1e-12
"""Share of a score's variance below which what is orthogonal to the mean is rounding errors."""


@dataclass(frozen=True)
class Discriminant:
    """Hold statistics of the training sections, from which a discriminant for any subset of features follows.

    The covariance is a few factors and a diagonal, so that a section with another gene panel takes the weights of a fit
    on that panel, without the training data. The weights are orthogonal to the mean features: a spot that has more of
    everything, such as one with more counts, gets no higher score.

    Attributes
    ----------
    mean
        Mean of the section means, (width,) float32; 0 for embeddings, which have no depth.
    contrast
        Half the difference of the class means, (width,) float32.
    variance
        Variance of each feature, with equal weight for both classes, (width,) float32.
    factors
        Leading factors of the covariance, (width, rank) float32.
    ridge
        Variance that is added to that of every feature, () float32. It is the same for every panel: how well a
        covariance is known does not depend on the genes that another section has.

    References
    ----------
    Fisher (1936) for the discriminant, Woodbury (1950) for the inverse of the covariance.
    """

    mean: np.ndarray
    contrast: np.ndarray
    variance: np.ndarray
    factors: np.ndarray
    ridge: np.ndarray

    @classmethod
    def empty(cls, width: int, rank: int) -> Discriminant:
        """Make arrays of the right shapes that take no memory."""
        zero = np.float32(0)
        return cls(*(np.broadcast_to(zero, shape) for shape in (width, width, width, (width, rank), ())))

    @property
    def rank(self) -> int:
        """Return the number of factors."""
        return int(self.factors.shape[1])

    def weights(self, present: np.ndarray) -> np.ndarray:
        """Compute the weight of each feature for a section that has some of them.

        Parameters
        ----------
        present
            Features that the section has, (width,) bool.

        Returns
        -------
        Weights with unit variance of the score, (width,) float64; 0 for absent features, and for a single gene, of
        which nothing is orthogonal to the mean.
        """
        covariance = _Covariance(self, present)
        contrast, mean = (np.asarray(x[present], np.float64) for x in (self.contrast, self.mean))
        direction, depth = covariance.solve(contrast), covariance.solve(mean)
        along, whole = float(mean @ depth), covariance.variance(direction)
        if along > 0:
            direction = direction - depth * (float(mean @ direction) / along)
        spread = covariance.variance(direction)
        weights = np.zeros(len(self.mean))
        weights[present] = direction / np.sqrt(spread) if spread > ROUNDING * whole else 0.0
        return weights

    def coverage(self, present: np.ndarray, usual: np.ndarray) -> float:
        """Compute the share of the variance of the usual score that some features keep, 0 to 1.

        It is the squared correlation of the scores with the features that are ``present`` and with the ``usual`` ones,
        both (width,) bool, by the stored covariance.
        """
        everything = _Covariance(self, np.ones(len(self.mean), dtype=bool))
        part, whole = self.weights(present), self.weights(usual)
        variances = everything.variance(part) * everything.variance(whole)
        return float(min(1.0, everything.product(part, whole) ** 2 / variances)) if variances > 0 else 0.0

    def score(self, features: Features) -> np.ndarray:
        """Compute the score of each spot of one section, (n,) float64; 0 where it lacks the modality."""
        return features.multiply(self.weights(features.present)[:, None])[:, 0]

    def score_and_project(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Compute :meth:`score` and the scores on the principal components, (n, rank) float64, in one reading."""
        factors = np.where(features.present[:, None], self.factors.astype(np.float64), 0.0)
        lengths = np.linalg.norm(factors, axis=0)
        directions = np.divide(factors, lengths, out=np.zeros(factors.shape), where=lengths > 0)
        products = features.multiply(np.column_stack([self.weights(features.present), directions]))
        return products[:, 0], products[:, 1:]


class _Covariance:
    """Covariance ``F F^T + diag(d)`` of some features, with the ridge."""

    def __init__(self, statistics: Discriminant, present: np.ndarray) -> None:
        self.factors = statistics.factors[present].astype(np.float64)
        variance = statistics.variance[present].astype(np.float64)
        self.rest = np.maximum(variance - np.square(self.factors).sum(axis=1), 0.0)
        self.rest += max(float(statistics.ridge), 1e-12)
        self.inner = np.eye(self.factors.shape[1]) + self.factors.T @ (self.factors / self.rest[:, None])

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Solve for ``values`` by Woodbury's identity."""
        scaled = values / self.rest
        return np.asarray(scaled - self.factors @ np.linalg.solve(self.inner, self.factors.T @ scaled) / self.rest)

    def product(self, one: np.ndarray, other: np.ndarray) -> float:
        """Compute the covariance of two linear scores."""
        return float((one @ self.factors) @ (other @ self.factors) + one @ (self.rest * other))

    def variance(self, weights: np.ndarray) -> float:
        """Compute the variance of a linear score."""
        return self.product(weights, weights)
