"""Linear models as a referee would run them: penalty and smoothing chosen on the training sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from .._checks import check_choice
from ..features import SectionArrays
from ._card import LITTLE_DEPTH, RivalCard
from ._design import Design, Reading, Rotated, stacked
from ._inputs import smooth
from ._interface import RivalScore
from ._registry import Entry
from ._tuning import Setting, auc, best, check_settings, in_words, inner_folds, inner_sections
from ._vrex import solve_vrex

Solution = tuple[np.ndarray, float]
"""Coefficients and intercept."""


def solve_logistic(rows: np.ndarray, cancer: np.ndarray, section: np.ndarray, *, C: float) -> Solution:
    """Logistic regression, classes balanced."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=C, class_weight="balanced", max_iter=3000).fit(rows, cancer)
    return fitted.coef_[0], float(fitted.intercept_[0])


def solve_svm(rows: np.ndarray, cancer: np.ndarray, section: np.ndarray, *, C: float) -> Solution:
    """Linear support vector machine, classes balanced."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # large C on separable spots: the ranking has settled
        fitted = LinearSVC(C=C, class_weight="balanced", dual=False, max_iter=5000).fit(rows, cancer)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _grid(smoothing: tuple[int, ...], **values: tuple[float, ...]) -> list[dict[str, Any]]:
    """All combinations; the first values are the default."""
    named = {**values, "smoothing": smoothing}
    return [dict(zip(named, combination, strict=True)) for combination in product(*named.values())]


SOLVERS: dict[str, Callable[..., Solution]] = {
    "logistic": solve_logistic,
    "svm": solve_svm,
    "vrex": solve_vrex,
}
PENALTIES: dict[str, dict[str, tuple[float, ...]]] = {
    "logistic": {"C": (1.0, 0.1, 0.01, 10.0)},
    "svm": {"C": (1e-3, 1e-4, 1e-2, 1e-1)},
    "vrex": {"C": (1.0, 0.1), "penalty": (1.0, 10.0)},
}
"""Settings to choose among beside the smoothing, the default first."""
SMOOTHING = {1: (7, 19), 7: (1, 7)}
"""Spots that decisions are averaged over, by the neighbourhood that is read."""


class Linear:
    """A linear model; its decision is averaged over nearby spots.

    Parameters
    ----------
    classifier
        ``"logistic"``, ``"svm"`` or ``"vrex"`` (logistic, with a penalty on how the sections' losses differ).
    modality
        ``"expression"``, ``"image"`` or ``"both"``.
    neighbourhood
        Spots whose mean stands for a spot, itself included: 1 for its own values, 7 for the nearest six as well.
    scaling
        How each column is scaled by the section's own values.
    n_top_genes
        Most variable genes to read; None for all that the training sections share.
    settings
        ``C`` and ``smoothing`` (spots that the decision is averaged over; with ``"vrex"`` ``penalty`` too) to choose
        among by the mean AUC of each training section left out in turn, at most eight; the default first.
    """

    def __init__(
        self,
        classifier: str = "logistic",
        modality: str = "expression",
        *,
        neighbourhood: int = 1,
        scaling: str = "minmax",
        n_top_genes: int | None = None,
        settings: Sequence[Setting] | None = None,
    ) -> None:
        self.classifier = check_choice(classifier, SOLVERS, "classifier")
        self.reading = Reading(modality, neighbourhood, scaling, n_top_genes)
        smoothing = SMOOTHING.get(neighbourhood, (1, 7))
        self.settings = check_settings(settings or _grid(smoothing, **PENALTIES[classifier]))

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedLinear:
        """Choose a setting, then fit with it on all training sections."""
        usable = self.reading.usable(sections)
        inner = inner_sections(usable)
        design = Design(self.reading, usable)
        rotated = Rotated([design.read(section) for section in inner])
        setting = self._choose(rotated, inner)
        if len(usable) == 1:
            rotated = Rotated([design.read(section) for section in usable])
        solution = self._solve(rotated.sections, usable, setting)
        return FittedLinear(design, *rotated.weights(*solution), self.classifier, setting)

    def _solve(self, tables: list[np.ndarray], sections: Sequence[SectionArrays], setting: Setting) -> Solution:
        options = {name: value for name, value in setting.items() if name != "smoothing"}
        return SOLVERS[self.classifier](*stacked(tables, sections), **options)

    def _choose(self, rotated: Rotated, sections: Sequence[SectionArrays]) -> dict[str, Any]:
        folds = inner_folds(sections)
        if len(self.settings) == 1 or not folds:
            return self.settings[0]
        aucs = np.full((len(self.settings), len(folds)), np.nan)
        for j, (fit, left) in enumerate(folds):
            solved: dict[str, Solution] = {}
            for i, setting in enumerate(self.settings):
                key = in_words({**setting, "smoothing": None})
                if key not in solved:
                    tables = [rotated.sections[k] for k in fit]
                    solved[key] = self._solve(tables, [sections[k] for k in fit], setting)
                coefficients, intercept = solved[key]
                decision = rotated.sections[left] @ coefficients + intercept
                aucs[i, j] = auc(sections[left], smooth(sections[left], decision, setting["smoothing"]))
        return best(self.settings, aucs)


class FittedLinear:
    """Weights of the columns."""

    def __init__(self, design: Design, weights: np.ndarray, intercept: float, classifier: str, setting: Setting):
        self.design, self.weights, self.intercept = design, weights, intercept
        self.classifier, self.setting = classifier, setting

    def score(self, section: SectionArrays) -> RivalScore:
        """Averaged decision; as a probability unless it is that of a support vector machine."""
        from scipy.special import expit

        decision = self.design.read(section) @ self.weights + self.intercept
        averaged = smooth(section, decision, self.setting["smoothing"])
        note = in_words(self.setting)
        if self.classifier == "svm":
            return RivalScore(averaged, threshold=0.0, note=note)
        return RivalScore(expit(averaged), threshold=0.5, probability=True, note=note)


def _entry(title: str, modality: str, classifier: str, *, neighbourhood: int = 1, **facts: Any) -> Entry:
    card = RivalCard(
        title,
        modality=modality,
        transductive=True,
        depth_trap="None: it reads no counts." if modality == "image" else LITTLE_DEPTH,
        **facts,
    )
    return Entry(partial(Linear, classifier, modality, neighbourhood=neighbourhood), card)


_TUNED = "C and smoothing are chosen on the training sections."
RIVALS = {
    "logistic-tuned": _entry("Logistic regression, tuned", "expression", "logistic", adapted=_TUNED),
    "logistic-tuned-neighbourhood": _entry(
        "Logistic regression of neighbourhood means, tuned", "expression", "logistic", neighbourhood=7, adapted=_TUNED
    ),
    "logistic-tuned-image": _entry(
        "Logistic regression of image means, tuned", "image", "logistic", neighbourhood=7, adapted=_TUNED
    ),
    "logistic-tuned-both": _entry(
        "Logistic regression of both means, tuned", "both", "logistic", neighbourhood=7, adapted=_TUNED
    ),
    "svm-tuned": _entry("Linear SVM, tuned", "expression", "svm", adapted=_TUNED),
    "svm-tuned-neighbourhood": _entry(
        "Linear SVM of neighbourhood means, tuned", "expression", "svm", neighbourhood=7, adapted=_TUNED
    ),
    "vrex": _entry(
        "Logistic regression with VREx penalty",
        "expression",
        "vrex",
        adapted=f"The penalty of Cancer-Finder on a linear model and our labels. {_TUNED}",
        paper="Krueger et al., ICML 2021; Zhong et al., Nature Communications 2024 (Cancer-Finder)",
        repository="Patchouli-M/SequencingCancerFinder",
        licence="MIT",
    ),
}
