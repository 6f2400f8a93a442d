"""spacrd itself, so that it stands in the same list as what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..features import SectionArrays
from ._card import LITTLE_DEPTH, RivalCard
from ._interface import MissingInputError, RivalScore
from ._registry import Entry


class Spacrd:
    """Fit and score as :func:`spacrd.tl.fit` and :func:`spacrd.tl.score` do.

    Parameters
    ----------
    **settings
        Settings of the fit, such as ``recipe`` and ``n_top_genes``.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedSpacrd:
        """Fit the model on what the sections have."""
        from ..train import FitSettings, fit_sections

        usable = [section for section in sections if section.counts is not None or section.image is not None]
        if not usable:
            raise MissingInputError("No training section has expression or a patch embedding.")
        return FittedSpacrd(fit_sections(usable, replace(FitSettings.resolve(**self.settings), seed=seed)))


class FittedSpacrd:
    """Hold a fitted :class:`spacrd.SpaCRD`."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def score(self, section: SectionArrays) -> RivalScore:
        """Return likelihoods; regions are called by :func:`spacrd.tl.threshold`, as those of all rivals can be."""
        return RivalScore(self.model.predict(section).likelihood.astype(np.float64), probability=True)


RIVALS = {
    "spacrd": Entry(
        Spacrd,
        RivalCard(
            "spacrd",
            modality="any",
            transductive=True,
            seeded=True,
            adapted="It is this package, with the default recipe.",
            depth_trap=LITTLE_DEPTH,
        ),
    ),
}
