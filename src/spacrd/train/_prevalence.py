"""Fit the classifier that estimates the share of cancer in a section."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..features import Composition, ExpressionContract, ImageContract, NetworkInputs, SectionArrays
from ..model import LinearClassifier, PrevalenceClassifier

MAX_SPOTS = 5_000
"""Most labelled spots of a section that are read, evenly spaced; a linear classifier needs no more."""
NORM = 5.0
"""Spread of all features together, so that the penalty does not depend on their number."""
PENALTY = 0.1
"""Inverse strength of the L2 penalty."""


def fit_prevalence(
    sections: Sequence[SectionArrays],
    inputs: Sequence[NetworkInputs],
    expression: ExpressionContract | None,
    image: ImageContract | None,
) -> PrevalenceClassifier:
    """Fit the classifiers on the labelled spots; that of a modality without labels of both classes stays zero."""
    classifier = PrevalenceClassifier.zero(len(expression.genes) if expression else 0, image.dim if image else 0)
    pairs = list(zip(sections, inputs, strict=True))
    if expression is not None:
        blocks = [_composition(s, i, expression) for s, i in pairs if s.counts is not None]
        classifier = replace(classifier, expression=_fit_linear(blocks) or classifier.expression)
    if image is not None:
        blocks = [_embeddings(s) for s in sections if s.image is not None]
        classifier = replace(classifier, image=_fit_linear(blocks) or classifier.image)
    return classifier


def _labelled_rows(section: SectionArrays) -> np.ndarray:
    rows = np.flatnonzero(np.isfinite(section.target))
    if len(rows) > MAX_SPOTS:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_SPOTS).round().astype(np.int64)]
    return rows


def _composition(
    section: SectionArrays, inputs: NetworkInputs, expression: ExpressionContract
) -> tuple[np.ndarray, np.ndarray]:
    """Return log composition and target of the labelled spots with counts in their neighbourhood."""
    rows = _labelled_rows(section)
    composition = Composition(section, expression)
    values, depth = composition.rows(section.counts, inputs.neighbours[rows], inputs.mask[rows])
    return values[depth > 0].toarray().astype(np.float32), section.target[rows][depth > 0]


def _embeddings(section: SectionArrays) -> tuple[np.ndarray, np.ndarray]:
    """Return embedding and target of the labelled spots on the image."""
    rows = _labelled_rows(section)
    on_image = np.isfinite(section.image[rows]).all(axis=1)
    return section.image[rows][on_image].astype(np.float32), section.target[rows][on_image]


def _fit_linear(blocks: list[tuple[np.ndarray, np.ndarray]]) -> LinearClassifier | None:
    """Fit one linear classifier on values and targets of each section; None without labels of both classes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = [block for block, target in blocks if len(target)]  # sections may have no labels
    target = np.concatenate([target for _, target in blocks if len(target)] or [np.empty(0)])
    if len(np.unique(target)) != 2:
        return None
    # Centre and spread are those within sections, averaged with equal weight.
    mean = np.mean([block.mean(axis=0, dtype=np.float64) for block in values], axis=0)
    spread = np.sqrt(np.mean([block.var(axis=0, dtype=np.float64) for block in values], axis=0))
    factor = NORM / np.sqrt(max(1, int((spread > 0).sum()))) / np.maximum(spread + 0.05 * spread.max(), 1e-12)
    factor[spread == 0] = 0.0
    design = np.vstack([(block - mean) * factor for block in values]).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=500).fit(design, target == 1)
    weight = fitted.coef_[0] * factor
    return LinearClassifier(*(np.asarray(x, np.float32) for x in (mean, weight, fitted.intercept_[0])))
