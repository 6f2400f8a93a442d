"""Estimate the share of cancer in a section from features that are comparable between sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LinearClassifier:
    """Compute logits as a linear function of centred values.

    Attributes
    ----------
    mean, weight
        Centre and weight of each feature, (width,) float32.
    bias
        Logit at the centre, () float32.
    """

    mean: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    @classmethod
    def zero(cls, width: int) -> LinearClassifier:
        """Make a classifier whose logits are all zero, in arrays that take no memory."""
        return cls(*(np.broadcast_to(np.float32(0), shape) for shape in (width, width, ())))

    def logits(self, values: Any, present: np.ndarray | None = None) -> np.ndarray:
        """Compute the logit of each row of ``values``, float64.

        Features that are not ``present`` count as average.
        """
        weight, mean = self.weight.astype(np.float64), self.mean.astype(np.float64)
        if present is not None:
            weight = np.where(present, weight, 0.0)
        return np.asarray(values @ weight - mean @ weight + float(self.bias))


@dataclass(frozen=True)
class PrevalenceClassifier:
    """Estimate the share of cancer in a section: the mean probability of a linear classifier over its spots.

    Votes rank the spots of a section, but do not tell how many are cancer.

    Attributes
    ----------
    expression
        Classifier of the log composition of neighbourhoods, see :class:`spacrd.features.Composition`.
    image
        Classifier of patch embeddings.
    """

    expression: LinearClassifier
    image: LinearClassifier

    @classmethod
    def zero(cls, n_genes: int, n_image: int) -> PrevalenceClassifier:
        """Make a classifier whose logits are all zero; a width is 0 where the model lacks the modality."""
        return cls(LinearClassifier.zero(n_genes), LinearClassifier.zero(n_image))
