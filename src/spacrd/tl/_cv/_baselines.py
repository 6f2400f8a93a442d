"""Simple classifiers in the folds of a cross-validation: what any attention has to beat."""

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
"""Principal components of a modality that the concatenation MLP reads."""
TREE_GENES = 500
"""Variable genes that gradient boosting reads: trees gain nothing from more and take their time."""


@dataclass(frozen=True)
class Baseline:
    """A classifier and what it reads.

    Attributes
    ----------
    kind
        ``"logistic"``, ``"boosting"`` or ``"mlp"``.
    modalities
        ``"expression"`` and ``"image"``, as far as there are.
    neighbourhood
        Whether each spot stands for the mean over itself and its neighbours.
    requires
        Modalities without which there is nothing to learn from.
    """

    kind: str
    modalities: tuple[str, ...]
    neighbourhood: bool
    requires: tuple[str, ...]

    @property
    def seeded(self) -> bool:
        """Whether the result depends on the seed."""
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
    """Fit on the training sections, score the others.

    Expression is normalised to 10,000 counts over the genes that all training sections share, log1p; then every
    column is scaled to [0, 1] within its section, after the mean over the neighbourhood if there is one.

    Returns
    -------
    Likelihoods (n,) float32 of each held-out section; NaN where a spot has none of the inputs. None if the
    labelled training spots that have inputs are not of both classes.
    """
    from sklearn.exceptions import ConvergenceWarning

    expression, image = _contracts(baseline, training, genes)

    def inputs(raw: SectionArrays) -> tuple[list[np.ndarray], np.ndarray]:
        arrays = prepare(raw, expression=expression, image=image, n_neighbors=n_neighbors, max_distance_um=max_distance)
        blocks = [
            _block(arrays, name, baseline.neighbourhood) for name in baseline.modalities if name in arrays.features
        ]
        return [values for values, _ in blocks], np.any([valid for _, valid in blocks], axis=0)

    parts, targets = [], []
    for raw in training if expression or image else ():
        blocks, valid = inputs(raw)
        rows = valid & ~np.isnan(raw.target)
        parts.append([block[rows] for block in blocks])
        targets.append(raw.target[rows] == 1)
    if not targets or len(np.unique(target := np.concatenate(targets))) < 2:
        return None
    columns = [np.vstack(block) for block in zip(*parts, strict=True)]
    classifier = _classifier(baseline.kind, [block.shape for block in columns], seed)
    with warnings.catch_warnings():
        # A floor that stopped at its last iteration is still a floor.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(np.hstack(columns), target)
    found = []
    for raw in held_out:
        blocks, valid = inputs(raw)
        likelihood = np.full(len(raw.xy), np.nan, dtype=np.float32)
        if valid.any():
            likelihood[valid] = classifier.predict_proba(np.hstack(blocks)[valid])[:, 1]
        found.append(likelihood)
    return found


def _contracts(
    baseline: Baseline, training: Sequence[SectionArrays], genes: Sequence[str] | None
) -> tuple[ExpressionContract | None, ImageContract | None]:
    """What to read, unscaled."""
    expression = image = None
    if "expression" in baseline.modalities:
        n_top = TREE_GENES if baseline.kind == "boosting" else sys.maxsize
        expression = expression_contract(list(training), genes, n_top, Recipe(gene_selection="batch"))
    if "image" in baseline.modalities:
        widths = [raw.image.shape[1] for raw in training if raw.image is not None]
        image = ImageContract(key="image", dim=widths[0], scaling="none") if widths else None
    return None if expression is None else replace(expression, scaling="none"), image


def _block(arrays: NetworkInputs, name: str, neighbourhood: bool) -> tuple[np.ndarray, np.ndarray]:
    """Dense columns of one modality scaled to [0, 1], (n, width) float32, and the rows that have it."""
    from scipy.sparse import csr_matrix

    part = arrays.features[name]
    everyone = np.arange(len(arrays.target))
    if not neighbourhood:
        return scale(part.matrix, "minmax", part.valid).rows(everyone), part.valid
    counted = arrays.mask & part.valid[arrays.neighbours]
    number = counted.sum(axis=1)
    weight = (counted / np.maximum(number, 1)[:, None]).astype(np.float32)
    start = np.arange(0, weight.size + 1, weight.shape[1])
    average = csr_matrix((weight.ravel(), arrays.neighbours.ravel(), start), shape=(len(everyone),) * 2)
    mean = average @ part.rows(everyone)
    return scale(mean, "minmax", number > 0).rows(everyone), number > 0


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
    last = MLPClassifier((64,), alpha=10.0, max_iter=100, random_state=seed)
    return make_pipeline(_components(shapes), StandardScaler(), last)


def _components(shapes: Sequence[tuple[int, ...]]) -> Any:
    """Principal components of each modality with more columns than are wanted."""
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA

    steps, start = [], 0
    for number, (n, width) in enumerate(shapes):
        wanted = min(COMPONENTS, n)
        step = PCA(wanted, svd_solver="randomized", random_state=0) if width > wanted else "passthrough"
        steps.append((f"block {number}", step, slice(start, start + width)))
        start += width
    return ColumnTransformer(steps)
