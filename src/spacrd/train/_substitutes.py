"""Add the statistics of genes that take the place of missing ones to a discriminant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..features import ExpressionContract, expression_features
from ..model import Discriminant, Voters
from ._discriminant import equal_weights, labelled_rows
from ._training_set import TrainingSet


def add_substitutes(voters: Voters, names: Sequence[str], data: TrainingSet) -> Voters:
    """Add the statistics of substitutes to the discriminant of expression; ``names`` are those of the discriminants."""
    contract = data.expression
    if contract is None or not contract.substitutes:
        return voters
    pairs = zip(names, voters.discriminants, strict=True)
    extended = tuple(_extend(found, data, contract) if name == "expression" else found for name, found in pairs)
    return replace(voters, discriminants=extended)


def _extend(discriminant: Discriminant, data: TrainingSet, contract: ExpressionContract) -> Discriminant:
    """Add the statistics of the substitutes, section by section.

    The factors are those of the model's genes; the loading of a substitute is its covariance with the score of each.
    """
    samples = data.samples["expression"]
    used = [number for number, sample in enumerate(samples) if sample.mean is not None]
    target = np.concatenate([samples[number].target for number in used])
    width, rank = len(contract.substitutes), discriminant.rank
    sums, squares, section_means = np.zeros((width, 2 + rank)), np.zeros(width), []
    if len(np.unique(target)) == 2:
        weights = np.split(equal_weights(target), np.cumsum([len(samples[number].target) for number in used])[:-1])
        lengths = np.square(discriminant.factors.astype(np.float64)).sum(axis=0)
        basis = np.divide(discriminant.factors, lengths, out=np.zeros(discriminant.factors.shape), where=lengths > 0)
        scores = [samples[number].features.multiply(basis) for number in used]
        centre = sum(weight @ score for weight, score in zip(weights, scores, strict=True))
        for number, weight, score in zip(used, weights, scores, strict=True):
            features = expression_features(data.sections[number], contract, substitutes_only=True)
            section_means.append(features.mean())
            read = features.take(labelled_rows(data.inputs[number], "expression"))
            sign = 2.0 * samples[number].target - 1.0
            factors = weight[:, None] * np.column_stack([np.ones(len(sign)), sign, score - centre])
            offset, linear = read.offset[0].astype(np.float64), np.asarray(read.matrix.T @ factors)
            squares += np.asarray(read.matrix.multiply(read.matrix).T @ weight) + 2 * offset * linear[:, 0]
            squares += offset**2 * weight.sum()
            sums += linear + np.outer(offset, factors.sum(axis=0))
    mean = np.mean(section_means, axis=0) if section_means else np.zeros(width)
    added = {
        "mean": mean,
        "contrast": sums[:, 1],
        "variance": np.maximum(squares - np.square(sums[:, 0]), 0.0),
        "factors": sums[:, 2:],
    }
    joined = {
        name: np.concatenate([getattr(discriminant, name), np.asarray(values, np.float32)])
        for name, values in added.items()
    }
    return replace(discriminant, **joined)
