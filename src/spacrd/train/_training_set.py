"""Training sections and what a model reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..features import ExpressionContract, ImageContract, NetworkInputs, SectionArrays


@dataclass(frozen=True)
class TrainingSet:
    """Hold the sections to fit on.

    Attributes
    ----------
    sections
        Sections before scaling.
    inputs
        The same sections as the networks read them.
    expression, image
        Genes and embedding that the model reads; None for a modality that is left out.
    """

    sections: tuple[SectionArrays, ...]
    inputs: tuple[NetworkInputs, ...]
    expression: ExpressionContract | None
    image: ImageContract | None

    def without(self, held_out: np.ndarray | Sequence[int]) -> TrainingSet:
        """Leave out the sections at some positions; the contracts stay."""
        rest = [i for i in range(len(self.sections)) if i not in held_out]
        return replace(self, sections=tuple(self.sections[i] for i in rest), inputs=tuple(self.inputs[i] for i in rest))
