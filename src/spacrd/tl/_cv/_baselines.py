"""Simple classifiers to compare with, in the same folds."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...features import ExpressionContract, ImageContract, NetworkInputs, SectionArrays, prepare, scale
from ...model import Recipe
from ...train import expression_contract

COMPONENTS = 50
"""Principal components of each modality that the concatenation MLP reads."""
TREE_GENES = 500
"""Variable genes that gradient boosting reads; more are slower and not better."""


@dataclass(frozen=True)
class Baseline:
    """Describe a classifier and what it reads.

    Attributes
    ----------
    kind
        ``"logistic"``, ``"boosting"`` or ``"mlp"``.
    modalities
        Modalities to read where a section has them, of ``"expression"`` and ``"image"``.
    neighbourhood
        Whether to read the mean over the spot and its neighbours.
    requires
        Modalities that one section must have at least.
    """

    kind: str
    modalities: tuple[str, ...]
    neighbourhood: bool
    requires: tuple[str, ...]

    @property
    def seeded(self) -> bool:
        """Tell whether the result depends on the seed."""
        return self.kind == "mlp"


_BOTH = ("expression", "image")
BASELINES = {
    "logistic own genes": Baseline("logistic", ("expression",), False, ("expression",)),
    "logistic neighbourhood genes": Baseline("logistic", ("expression",), True, ("expression",)),
    "logistic image": Baseline("logistic", ("image",), True, ("image",)),
    "logistic both": Baseline("logistic", _BOTH, True, _BOTH),
    "gradient boosting": Baseline("boosting", _BOTH, True, ()),
    "concatenation MLP": Baseline("mlp", _BOTH, False, ()),
}


def baseline_likelihoods(
    baseline: Baseline,
    training: Sequence[SectionArrays],
    held_out: Sequence[SectionArrays],
    *,
    genes: Sequence[str] | None,
    n_neighbors: int,
    max_distance: float | None,
    seed: int,
) -> list[np.ndarray] | None:
    """Fit on the training sections and score the held-out sections.

    Expression is log1p of counts per 10,000 over the genes that all training sections share. Columns are scaled to
    [0, 1] within each section, after the mean over neighbourhoods, if any.

    Returns
    -------
    Likelihoods (n,) float32 of each held-out section; NaN where a spot has none of the inputs. None if the
    labelled training spots that have inputs are not of both classes.
    """
    from sklearn.exceptions import ConvergenceWarning

    expression, image = _contracts(baseline, training, genes)

    def read(section: SectionArrays) -> tuple[list[np.ndarray], np.ndarray]:
        inputs = prepare(
            section, expression=expression, image=image, n_neighbors=n_neighbors, max_distance_um=max_distance
        )
        names = [name for name in baseline.modalities if name in inputs.features]
        blocks = [_block(inputs, name, baseline.neighbourhood) for name in names]
        return [values for values, _ in blocks], np.any([valid for _, valid in blocks], axis=0)

    labelled_blocks, targets = [], []
    for section in training if expression or image else ():
        blocks, valid = read(section)
        rows = valid & ~np.isnan(section.target)
        labelled_blocks.append([block[rows] for block in blocks])
        targets.append(section.target[rows] == 1)
    if not targets or len(np.unique(target := np.concatenate(targets))) < 2:
        return None
    columns = [np.vstack(block) for block in zip(*labelled_blocks, strict=True)]
    classifier = _classifier(baseline.kind, [block.shape for block in columns], seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(np.hstack(columns), target)
    likelihoods = []
    for section in held_out:
        blocks, valid = read(section)
        likelihood = np.full(len(section.xy), np.nan, dtype=np.float32)
        if valid.any():
            likelihood[valid] = classifier.predict_proba(np.hstack(blocks)[valid])[:, 1]
        likelihoods.append(likelihood)
    return likelihoods


def _contracts(
    baseline: Baseline, training: Sequence[SectionArrays], genes: Sequence[str] | None
) -> tuple[ExpressionContract | None, ImageContract | None]:
    """Determine genes and embedding to read, unscaled."""
    expression = image = None
    if "expression" in baseline.modalities:
        n_top = TREE_GENES if baseline.kind == "boosting" else sys.maxsize
        expression = expression_contract(list(training), genes, n_top, Recipe(gene_selection="residual"))
    if "image" in baseline.modalities:
        widths = [section.image.shape[1] for section in training if section.image is not None]
        image = ImageContract(key="image", dim=widths[0], scaling="none") if widths else None
    return None if expression is None else replace(expression, scaling="none"), image


def _block(inputs: NetworkInputs, name: str, neighbourhood: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return dense columns of one modality scaled to [0, 1], (n, width) float32, and which rows have it, (n,) bool."""
    from scipy.sparse import csr_matrix

    features = inputs.features[name]
    rows = np.arange(len(inputs.target))
    if not neighbourhood:
        return scale(features.matrix, "minmax", features.valid).rows(rows), features.valid
    counted = inputs.mask & features.valid[inputs.neighbours]
    number = counted.sum(axis=1)
    weight = (counted / np.maximum(number, 1)[:, None]).astype(np.float32)
    start = np.arange(0, weight.size + 1, weight.shape[1])
    average = csr_matrix((weight.ravel(), inputs.neighbours.ravel(), start), shape=(len(rows),) * 2)
    mean = average @ features.rows(rows)
    return scale(mean, "minmax", number > 0).rows(rows), number > 0


def _classifier(kind: str, shapes: Sequence[tuple[int, ...]], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "logistic":
        return LogisticRegression(C=0.01, class_weight="balanced", max_iter=3000)
    if kind == "boosting":
        return HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.05,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=5.0,
            max_features=0.1,
            early_stopping=False,
            random_state=0,
        )
    network = MLPClassifier((64,), alpha=10.0, max_iter=100, random_state=seed)
    return make_pipeline(_components(shapes), StandardScaler(), network)


def _components(shapes: Sequence[tuple[int, ...]]) -> Any:
    """Reduce each modality with more than :data:`COMPONENTS` columns to principal components."""
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA

    steps, start = [], 0
    for number, (n, width) in enumerate(shapes):
        n_components = min(COMPONENTS, n)
        reduce = width > n_components
        step = PCA(n_components, svd_solver="randomized", random_state=0) if reduce else "passthrough"
        steps.append((f"block {number}", step, slice(start, start + width)))
        start += width
    return ColumnTransformer(steps)
