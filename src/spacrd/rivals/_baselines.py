"""Baselines with fixed settings: what any attention has to beat."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .._checks import check_choice, check_positive_int
from ..features import ExpressionContract, ImageContract, NetworkInputs, SectionArrays, prepare, scale
from ._card import LITTLE_DEPTH, RivalCard
from ._inputs import TARGET_SUM, GeneSpace, embedding_width, labelled
from ._interface import MissingInputError, RivalScore
from ._registry import Entry

COMPONENTS = 50
"""Principal components of a modality that the MLP reads."""
TREE_GENES = 500
"""Variable genes that gradient boosting reads: trees gain nothing from more and take their time."""
BOTH = ("expression", "image")


class Baseline:
    """A classifier of a spot's own values, or of the means over the spot and its neighbours.

    Expression is normalised to 10,000 counts over the genes that all training sections share, log1p; then every
    column is scaled to [0, 1] within its section, after the mean over the neighbourhood if there is one.

    Parameters
    ----------
    classifier
        ``"logistic"`` (balanced, C = 0.01), ``"boosting"`` or ``"mlp"``.
    modalities
        Those to read, as far as there are.
    neighbourhood
        Whether each spot stands for the mean over itself and its neighbours.
    required
        Modalities without which there is nothing to learn from.
    genes
        Genes to read; by default all that the training sections share, or their most variable ones (``"boosting"``).
    n_neighbors
        Neighbours beside the spot itself.
    max_distance
        Farthest neighbour in micrometres.
    """

    def __init__(
        self,
        classifier: str,
        modalities: Sequence[str],
        neighbourhood: bool,
        required: Sequence[str],
        *,
        genes: Sequence[str] | None = None,
        n_neighbors: int = 6,
        max_distance: float | None = None,
    ) -> None:
        self.classifier = check_choice(classifier, ("logistic", "boosting", "mlp"), "classifier")
        self.modalities, self.neighbourhood, self.required = tuple(modalities), neighbourhood, tuple(required)
        self.genes, self.max_distance = genes, max_distance
        self.n_neighbors = check_positive_int(n_neighbors, "n_neighbors")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedBaseline:
        """Fit on the labelled spots of all sections."""
        from sklearn.exceptions import ConvergenceWarning

        fitted = FittedBaseline(self, *self._contracts(sections))
        parts, targets = [], []
        for section in sections:
            columns, valid = fitted.read(section)
            rows = valid & labelled(section)
            parts.append([block[rows] for block in columns])
            targets.append(section.target[rows] == 1)
        target = np.concatenate(targets)
        if len(np.unique(target)) < 2:
            raise MissingInputError("The labelled training spots that have inputs are not of both classes.")
        blocks = [np.vstack(block) for block in zip(*parts, strict=True)]
        fitted.estimator = _estimator(self.classifier, [block.shape for block in blocks], seed)
        with warnings.catch_warnings():
            # A floor that stopped at its last iteration is still a floor.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.estimator.fit(np.hstack(blocks), target)
        return fitted

    def _contracts(self, sections: Sequence[SectionArrays]) -> tuple[ExpressionContract | None, ImageContract | None]:
        """What to read, unscaled."""
        there = {
            "expression": any(section.counts is not None for section in sections),
            "image": any(section.image is not None for section in sections),
        }
        missing = [name for name in self.required if not there[name]]
        if missing or not any(there[name] for name in self.modalities):
            raise MissingInputError(f"No training section has {' or '.join(missing or self.modalities)}.")
        expression = image = None
        if "expression" in self.modalities and there["expression"]:
            space = GeneSpace.of(sections, None if self.classifier != "boosting" or self.genes else TREE_GENES)
            names = map(str, space.genes if self.genes is None else self.genes)
            expression = ExpressionContract(tuple(names), tuple(map(str, space.shared)), TARGET_SUM, "none")
        if "image" in self.modalities and there["image"]:
            image = ImageContract(key="image", dim=embedding_width(sections), scaling="none")
        return expression, image


class FittedBaseline:
    """A classifier and what it reads."""

    estimator: Any

    def __init__(self, rival: Baseline, expression: ExpressionContract | None, image: ImageContract | None) -> None:
        self.rival, self.expression, self.image = rival, expression, image

    def read(self, section: SectionArrays) -> tuple[list[np.ndarray], np.ndarray]:
        """Columns of each modality, and which spots have any of them."""
        arrays = prepare(
            section,
            expression=self.expression,
            image=self.image,
            n_neighbors=self.rival.n_neighbors,
            max_distance_um=self.rival.max_distance,
        )
        read = [name for name in self.rival.modalities if name in arrays.features]
        blocks = [_columns(arrays, name, self.rival.neighbourhood) for name in read]
        return [values for values, _ in blocks], np.any([valid for _, valid in blocks], axis=0)

    def score(self, section: SectionArrays) -> RivalScore:
        """Probability of cancer; NaN where a spot has none of the inputs."""
        columns, valid = self.read(section)
        score = np.full(len(section.xy), np.nan)
        if valid.any():
            score[valid] = self.estimator.predict_proba(np.hstack(columns)[valid])[:, 1]
        return RivalScore(score, threshold=0.5, probability=True)


def _columns(arrays: NetworkInputs, name: str, neighbourhood: bool) -> tuple[np.ndarray, np.ndarray]:
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


def _estimator(classifier: str, shapes: Sequence[tuple[int, ...]], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if classifier == "logistic":
        return LogisticRegression(C=0.01, class_weight="balanced", max_iter=3000)
    if classifier == "boosting":
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


def _entry(title: str, modality: str, *arguments: Any, seeded: bool = False) -> Entry:
    card = RivalCard(
        title,
        modality=modality,
        transductive=True,
        seeded=seeded,
        depth_trap="None: it reads no counts." if modality == "image" else LITTLE_DEPTH,
    )
    return Entry(partial(Baseline, *arguments), card)


RIVALS = {
    "logistic own genes": _entry(
        "Logistic regression, C = 0.01", "expression", "logistic", ("expression",), False, ("expression",)
    ),
    "logistic neighbourhood genes": _entry(
        "Logistic regression of neighbourhood means, C = 0.01",
        "expression",
        "logistic",
        ("expression",),
        True,
        ("expression",),
    ),
    "logistic image": _entry(
        "Logistic regression of image means, C = 0.01", "image", "logistic", ("image",), True, ("image",)
    ),
    "logistic both": _entry("Logistic regression of both means, C = 0.01", "both", "logistic", BOTH, True, BOTH),
    "gradient boosting": _entry("Gradient boosting of means", "any", "boosting", BOTH, True, ()),
    "concatenation MLP": _entry("MLP on principal components", "any", "mlp", BOTH, False, (), seeded=True),
}
FIXED = tuple(RIVALS)
"""Names of the baselines, whose genes and neighbourhoods can be those of another model."""
