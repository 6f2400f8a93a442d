"""Fit the classifier that estimates the share of cancer in a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..features import Composition, ExpressionContract, ImageContract, NetworkInputs, SectionArrays
from ..model import LinearClassifier, PrevalenceClassifier

MAX_SPOTS = 5_000
"""Most labelled spots of a section that are read, evenly spaced; a linear classifier needs no more."""
N_COMPONENTS = 20
"""Principal components that the classifier reads."""
ITERATIONS = 20
"""Power iterations of the components."""
OVERSAMPLING = 10
NORM = 5.0
"""Spread of the first component, so that the penalty does not depend on the unit of the features."""
PENALTY = 0.1
"""Inverse strength of the L2 penalty."""


@dataclass(frozen=True)
class LabelledSpots:
    """Hold what the classifiers read of the labelled spots of a section: values and target, None without the modality.

    Attributes
    ----------
    expression
        Log composition of neighbourhoods (n, n_genes) float32 and target (n,).
    image
        Embedding (n, dim) float32 and target (n,).
    """

    expression: tuple[np.ndarray, np.ndarray] | None
    image: tuple[np.ndarray, np.ndarray] | None

    @classmethod
    def read(
        cls,
        section: SectionArrays,
        inputs: NetworkInputs,
        expression: ExpressionContract | None,
        image: ImageContract | None,
    ) -> LabelledSpots:
        """Read the labelled spots of a section."""
        counts = expression is not None and section.counts is not None
        return cls(
            _composition(section, inputs, expression) if counts and expression is not None else None,
            _embeddings(section) if image is not None and section.image is not None else None,
        )


def fit_prevalence(spots: Sequence[LabelledSpots], n_genes: int, n_image: int) -> PrevalenceClassifier:
    """Fit the classifiers on the labelled spots; that of a modality without labels of both classes stays zero."""
    classifier = PrevalenceClassifier.zero(n_genes, n_image)
    for name in ("expression", "image"):
        blocks = [block for section in spots if (block := getattr(section, name)) is not None]
        fitted = _fit_linear(blocks)
        if fitted is not None:
            classifier = replace(classifier, **{name: fitted})
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
    values = values[depth > 0]
    values.data = values.data.astype(np.float32)  # `values.astype` would sort the columns of each row
    return values.toarray(), section.target[rows][depth > 0]


def _embeddings(section: SectionArrays) -> tuple[np.ndarray, np.ndarray]:
    """Return embedding and target of the labelled spots on the image."""
    rows = _labelled_rows(section)
    on_image = np.isfinite(section.image[rows]).all(axis=1)
    return section.image[rows][on_image].astype(np.float32), section.target[rows][on_image]


def _fit_linear(blocks: list[tuple[np.ndarray, np.ndarray]]) -> LinearClassifier | None:
    """Fit one linear classifier on values and targets of each section; None without labels of both classes."""
    from sklearn.linear_model import LogisticRegression

    values = [block for block, target in blocks if len(target)]  # sections may have no labels
    target = np.concatenate([target for _, target in blocks if len(target)] or [np.empty(0)])
    if len(np.unique(target)) != 2:
        return None
    # Centre and components are those within sections, averaged with equal weight.
    mean = np.mean([block.mean(axis=0, dtype=np.float64) for block in values], axis=0).astype(np.float32)
    section = np.repeat(np.arange(len(values)), [len(block) for block in values])
    design = np.vstack([block - mean for block in values])
    components = _components(design)
    projected = design @ components.T
    spread = float(projected[:, 0].std()) or 1.0
    fitted = LogisticRegression(C=PENALTY, max_iter=500).fit(
        projected / spread * NORM, target == 1, sample_weight=_equal_weights(target, section)
    )
    weight = fitted.coef_[0] @ components * (NORM / spread)
    return LinearClassifier(*(np.asarray(x, np.float32) for x in (mean, weight, fitted.intercept_[0])))


def _components(design: np.ndarray) -> np.ndarray:
    """Compute the principal components, (:data:`N_COMPONENTS`, n_features), by power iteration: Halko et al. (2011).

    There are enough iterations that the random start, which follows the order of the sections, does not matter.
    """
    from scipy.linalg import lu, qr

    centred = design - design.mean(axis=0)
    fewer_spots = len(centred) < centred.shape[1]
    wide = centred if fewer_spots else centred.T
    gram, rank = wide @ wide.T, min(N_COMPONENTS, len(wide))
    basis = np.random.RandomState(0).normal(size=(len(wide), rank + OVERSAMPLING)).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = lu(gram @ basis, permute_l=True)
    basis, _ = qr(wide.T @ basis, mode="economic")
    left, _, right = np.linalg.svd(basis.T @ wide.T, full_matrices=False)
    return np.asarray((basis @ left[:, :rank]).T if fewer_spots else right[:rank])


def _equal_weights(target: np.ndarray, section: np.ndarray) -> np.ndarray:
    """Give both classes, and all sections within a class, the same weight; the mean weight is 1."""
    weight = np.zeros(len(target))
    for label in (0, 1):
        groups = [np.flatnonzero((target == label) & (section == number)) for number in np.unique(section)]
        groups = [rows for rows in groups if len(rows)]
        for rows in groups:
            weight[rows] = 0.5 * len(target) / (len(groups) * len(rows))
    return weight
