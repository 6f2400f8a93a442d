"""Late fusion: one linear model for expression, one for the image, their scores added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features import SectionArrays
from ._card import LITTLE_DEPTH, RivalCard
from ._harness import standardised
from ._interface import FittedRival, RivalScore
from ._linear import Linear
from ._registry import Entry

EXPRESSION = [{"C": C, "smoothing": k} for C in (1e-3, 1e-2) for k in (7, 19)]
IMAGE = [{"C": C, "smoothing": k} for C in (1.0, 0.1) for k in (7, 1)]
"""Settings of the two models: eight together."""


class LateFusion:
    """A linear SVM of a spot's own genes and a logistic regression of image means.

    Each chooses its setting by itself; scores are standardised within the section and added.
    """

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedLateFusion:
        """Fit both."""
        expression = Linear("svm", "expression", settings=EXPRESSION).fit(sections, seed=seed)
        image = Linear("logistic", "image", neighbourhood=7, settings=IMAGE).fit(sections, seed=seed)
        return FittedLateFusion(expression, image)


class FittedLateFusion:
    """Both models."""

    def __init__(self, expression: FittedRival, image: FittedRival) -> None:
        self.expression, self.image = expression, image

    def score(self, section: SectionArrays) -> RivalScore:
        """Sum of the two; of one alone where the section or the spot lacks the other."""
        found = {}
        if section.counts is not None:
            found["expression"] = self.expression.score(section)
        if section.image is not None:
            found["image"] = self.image.score(section)
        if not found:
            return RivalScore(np.full(len(section.xy), np.nan))
        parts = np.stack([standardised(_on_a_line(part)) for part in found.values()])
        there = np.isfinite(parts)
        total = np.where(there.any(axis=0), np.where(there, parts, 0.0).sum(axis=0), np.nan)
        return RivalScore(total, note="; ".join(f"{name}: {part.note}" for name, part in found.items()))


def _on_a_line(found: RivalScore) -> np.ndarray:
    """Scores that are not bent towards 0 and 1."""
    from scipy.special import logit

    return logit(np.clip(found.score, 1e-9, 1 - 1e-9)) if found.probability else found.score


RIVALS = {
    "late-fusion": Entry(
        LateFusion,
        RivalCard(
            "Late fusion of linear models",
            modality="both",
            transductive=True,
            depth_trap=LITTLE_DEPTH,
            adapted="C and smoothing of each model are chosen on the training sections.",
        ),
    ),
}
