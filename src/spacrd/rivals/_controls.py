"""Controls: what is reached without any method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import total_counts
from ._interface import RivalScore
from ._registry import Entry


class Depth:
    """Number of counts of a spot: tumour cells hold more RNA than most others."""

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> Depth:
        """Nothing to learn."""
        return self

    def score(self, section: SectionArrays) -> RivalScore:
        """log1p of the total counts."""
        return RivalScore(np.log1p(total_counts(section)))


RIVALS = {
    "depth": Entry(
        Depth,
        RivalCard(
            "Sequencing depth",
            kind="control",
            modality="expression",
            labels="none",
            depth_trap="It is the trap: twice the counts are a higher score.",
        ),
    ),
}
