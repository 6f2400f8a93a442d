"""Distance from the normal spots of the training sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import check_positive_int
from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import GeneSpace, neighbour_mean, normal_spots
from ._interface import RivalScore
from ._registry import Entry

N_TOP = 3000
CALLED_NORMAL = 0.95
"""Share of the normal training spots that lie below the threshold."""


class Mahalanobis:
    """Mahalanobis distance from the normal spots on principal components of their expression.

    Parameters
    ----------
    n_components
        Principal components of the normal spots.
    neighbourhood
        Spots whose mean stands for a spot, itself included: 1 for its own expression, 7 for the nearest six as well.
    """

    def __init__(self, *, n_components: int = 50, neighbourhood: int = 1) -> None:
        self.n_components = check_positive_int(n_components, "n_components")
        self.neighbourhood = check_positive_int(neighbourhood, "neighbourhood")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedMahalanobis:
        """Components and their spread over normal spots; neighbours are the nearest normal spots."""
        from sklearn.decomposition import PCA

        normal = normal_spots(sections)
        space = GeneSpace.of(normal, N_TOP)
        normal = [section for section in normal if section.counts is not None]
        values = np.vstack([neighbour_mean(part, space.dense(part), self.neighbourhood) for part in normal])
        # One fewer than spots, of which the mean has been taken.
        width = max(1, min(self.n_components, len(values) - 1, values.shape[1]))
        components = PCA(width, whiten=True, svd_solver="randomized", random_state=0).fit(values)
        distance = np.linalg.norm(components.transform(values), axis=1)
        return FittedMahalanobis(space, components, self.neighbourhood, float(np.quantile(distance, CALLED_NORMAL)))


class FittedMahalanobis:
    """Components of the normal spots."""

    def __init__(self, space: GeneSpace, components: Any, neighbourhood: int, threshold: float) -> None:
        self.space, self.components = space, components
        self.neighbourhood, self.threshold = neighbourhood, threshold

    def score(self, section: SectionArrays) -> RivalScore:
        """Distance of each spot."""
        values = neighbour_mean(section, self.space.dense(section), self.neighbourhood)
        distance = np.linalg.norm(self.components.transform(values), axis=1)
        return RivalScore(distance, threshold=self.threshold)


RIVALS = {
    "mahalanobis": Entry(
        Mahalanobis,
        RivalCard(
            "Mahalanobis distance from normal spots",
            kind="control",
            modality="expression",
            labels="normal",
            depth_trap="Backwards: shallow spots are noisy, so they lie farther out than deep ones of equal profile.",
        ),
    ),
}
