"""Training sections and what a model reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..features import ExpressionContract, ImageContract, NetworkInputs, SectionArrays
from ._discriminant import Sample, read_sample
from ._prevalence import LabelledSpots


@dataclass(frozen=True)
class TrainingSet:
    """Hold the sections to fit on.

    Attributes
    ----------
    sections
        Sections before scaling, with the genes that the model reads.
    inputs
        The same sections as the networks read them.
    expression, image
        Genes and embedding that the model reads; None for a modality that is left out.
    samples
        What the discriminant of each modality reads of the sections; see :meth:`sampled`.
    """

    sections: tuple[SectionArrays, ...]
    inputs: tuple[NetworkInputs, ...]
    expression: ExpressionContract | None
    image: ImageContract | None
    samples: dict[str, tuple[Sample, ...]] = field(default_factory=dict)

    @property
    def widths(self) -> tuple[int, int]:
        """Return the numbers of genes and of image features, 0 for a modality that is left out."""
        return len(self.expression.genes) if self.expression else 0, self.image.dim if self.image else 0

    def labelled_spots(self) -> list[LabelledSpots]:
        """Read the labelled spots of each section, for the prevalence classifier."""
        pairs = zip(self.sections, self.inputs, strict=True)
        return [LabelledSpots.read(section, inputs, self.expression, self.image) for section, inputs in pairs]

    def sampled(self, modalities: Sequence[str]) -> TrainingSet:
        """Read what discriminants of some modalities need, once for a fit and its folds."""
        return replace(
            self, samples={name: tuple(read_sample(inputs, name) for inputs in self.inputs) for name in modalities}
        )

    def without(self, held_out: np.ndarray | Sequence[int]) -> TrainingSet:
        """Leave out the sections at some positions; the contracts stay."""
        rest = [i for i in range(len(self.sections)) if i not in held_out]
        return replace(
            self,
            sections=tuple(self.sections[i] for i in rest),
            inputs=tuple(self.inputs[i] for i in rest),
            samples={name: tuple(samples[i] for i in rest) for name, samples in self.samples.items()},
        )
