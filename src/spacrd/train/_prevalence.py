"""Fit the classifier that compares sections."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..features import Composition, ExpressionContract, ImageContract, NetworkInputs, SectionArrays
from ..model._prevalence import PrevalenceClassifier

MAX_SPOTS = 5_000
"""Labelled spots of a section that are read at most, evenly spaced: a linear classifier needs no more."""
NORM = 5.0
"""Spread of all features of a spot together, which makes the penalty mean the same for any number of them."""
PENALTY = 0.1
"""Inverse strength of the L2 penalty."""


def fit_level(
    sections: Sequence[SectionArrays],
    arrays: Sequence[NetworkInputs],
    expression: ExpressionContract | None,
    image: ImageContract | None,
) -> PrevalenceClassifier:
    """Fit on the labelled spots of the sections; a modality without labels of both classes stays zero."""
    level = PrevalenceClassifier(len(expression.genes) if expression else 0, image.dim if image else 0)
    for name in ("expression", "image"):
        blocks: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        for raw, part in zip(sections, arrays, strict=True):
            rows = np.flatnonzero(np.isfinite(raw.target))
            if len(rows) > MAX_SPOTS:
                rows = rows[np.linspace(0, len(rows) - 1, MAX_SPOTS).round().astype(np.int64)]
            if name == "expression" and expression is not None and raw.counts is not None:
                composition = Composition(raw, expression)
                values, depth = composition.rows(raw.counts, part.neighbours[rows], part.mask[rows])
                blocks.append(values[depth > 0].toarray().astype(np.float32))
                targets.append(raw.target[rows][depth > 0])
            elif name == "image" and image is not None and raw.image is not None:
                seen = np.isfinite(raw.image[rows]).all(axis=1)
                blocks.append(raw.image[rows][seen].astype(np.float32))
                targets.append(raw.target[rows][seen])
        some = [i for i, target in enumerate(targets) if len(target)]  # a section need not have labels
        blocks, targets = [blocks[i] for i in some], [targets[i] for i in some]
        if blocks and len(np.unique(np.concatenate(targets))) == 2:
            _fit_one(level, name, blocks, np.concatenate(targets))
    return level


def _fit_one(level: PrevalenceClassifier, name: str, blocks: list[np.ndarray], target: np.ndarray) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Sections weigh the same in centre and spread, which are those between neighbourhoods of one section.
    mean = np.mean([block.mean(axis=0, dtype=np.float64) for block in blocks], axis=0)
    spread = np.sqrt(np.mean([block.var(axis=0, dtype=np.float64) for block in blocks], axis=0))
    factor = NORM / np.sqrt(max(1, int((spread > 0).sum()))) / np.maximum(spread + 0.05 * spread.max(), 1e-12)
    factor[spread == 0] = 0.0
    design = np.vstack([(block - mean) * factor for block in blocks]).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=500).fit(design, target == 1)
    level.set(name, mean, fitted.coef_[0] * factor, float(fitted.intercept_[0]))
