"""Linear models on columns standardised over all training spots: linear probes, and CellTypist's recipe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .._checks import check_choice
from ..features import SectionArrays
from ._card import LITTLE_DEPTH, RivalCard
from ._design import Design, Reading, Rotated, stacked
from ._interface import Rival, RivalScore
from ._linear import SOLVERS
from ._registry import Entry
from ._tuning import Tuned

CLIP = 10.0
"""Standard deviations at which CellTypist cuts."""
PROBE = [{"C": C} for C in (1.0, 1e-4, 1e-3, 1e-2, 1e-1, 10.0, 100.0)]


class Pooled:
    """A linear model of a spot's own values, standardised with the mean and deviation of all training spots.

    Parameters
    ----------
    classifier
        ``"logistic"`` or ``"svm"``.
    modality
        ``"expression"`` (log1p of counts per 10,000) or ``"image"``.
    C
        Inverse of the ridge penalty.
    """

    def __init__(self, classifier: str = "logistic", modality: str = "expression", *, C: float = 1.0) -> None:
        self.solve = partial(SOLVERS[check_choice(classifier, ("logistic", "svm"), "classifier")], C=C)
        self.classifier, self.reading = classifier, Reading(modality, scaling="none")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedPooled:
        """Standardise, then fit."""
        usable = self.reading.usable(sections)
        design = Design(self.reading, usable)
        tables = [design.read(section) for section in usable]
        every = np.vstack(tables)
        mean, spread = (np.asarray(f(every, axis=0, dtype=np.float64)) for f in (np.nanmean, np.nanstd))
        fitted = FittedPooled(design, mean, np.where(spread > 1e-9, spread, 1.0), self.classifier)
        rotated = Rotated([fitted.standardise(table) for table in tables])
        fitted.weights, fitted.intercept = rotated.weights(*self.solve(*stacked(rotated.sections, usable)))
        return fitted


class FittedPooled:
    """Mean, deviation and weight of each column."""

    weights: np.ndarray
    intercept: float

    def __init__(self, design: Design, mean: np.ndarray, spread: np.ndarray, classifier: str) -> None:
        self.design, self.mean, self.spread, self.classifier = design, mean, spread, classifier

    def standardise(self, table: np.ndarray) -> np.ndarray:
        """Columns in standard deviations of the training spots, cut at :data:`CLIP` of them."""
        return np.clip((table - self.mean) / self.spread, -CLIP, CLIP).astype(np.float32)

    def score(self, section: SectionArrays) -> RivalScore:
        """Probability, or distance from the plane of a support vector machine."""
        from scipy.special import expit

        decision = self.standardise(self.design.read(section)) @ self.weights + self.intercept
        if self.classifier == "svm":
            return RivalScore(decision, threshold=0.0)
        return RivalScore(expit(decision), threshold=0.5, probability=True)


def _probe() -> Rival:
    return Tuned(partial(Pooled, "logistic", "image"), PROBE)


_CELLTYPIST: dict[str, Any] = {
    "modality": "expression",
    "paper": "Dominguez Conde et al., Science 2022",
    "repository": "Teichlab/celltypist",
    "licence": "MIT",
    "depth_trap": LITTLE_DEPTH,
}
_VOTE = "Two classes, balanced; no majority vote over clusters; our labels instead of its models."

RIVALS = {
    "linear-probe": Entry(
        _probe,
        RivalCard(
            "Linear probe of the patch embedding",
            modality="image",
            depth_trap="None: it reads no counts.",
            adapted="C is chosen on the training sections.",
            lost="Without a pathology encoder's weights, what that encoder sees.",
        ),
    ),
    "celltypist": Entry(
        partial(Pooled, "logistic"), RivalCard("CellTypist's recipe on our labels", adapted=_VOTE, **_CELLTYPIST)
    ),
    "celltypist-svm": Entry(
        partial(Pooled, "svm", C=1e-4),
        RivalCard(
            "CellTypist's preprocessing, linear SVM",
            adapted=f"{_VOTE} A linear SVM (C = 0.0001) instead of the logistic regression.",
            **_CELLTYPIST,
        ),
    ),
}
