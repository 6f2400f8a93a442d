"""MEATRD: rebuilds masked normal spots from their neighbours, and measures the error in a one-class sphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice
from ..features import SectionArrays
from ._card import RivalCard
from ._interface import MissingInputError, RivalScore
from ._registry import Entry
from ._stands import minmax

if TYPE_CHECKING:
    import torch

    from ._meatrd_network import ErrorEncoder, Rebuilder
    from ._normal_reference import NormalReference


@dataclass(frozen=True)
class Meatrd:
    """Score spots by the distance of their rebuild error from that of normal spots.

    Parameters
    ----------
    modality
        ``"expression"``, ``"both"`` for expression and patch embedding, or ``"pixels"`` for expression and patches.
    sign
        ``"paper"``: the farther, the higher the score; ``"program"``: the reverse.
    n_genes
        Most variable genes of the normal spots to read.
    n_neighbors
        Nearest neighbours in the graph.
    epochs, learning_rate
        Training of the rebuild, by default as the program.
    sphere_epochs, sphere_learning_rate
        Training of the sphere, by default as the program.
    batch_size
        Spots that are masked together.
    """

    modality: str = "expression"
    _: KW_ONLY
    sign: str = "paper"
    n_genes: int = 3000
    n_neighbors: int = 4
    epochs: int = 10
    learning_rate: float = 1e-4
    sphere_epochs: int = 5
    sphere_learning_rate: float = 1e-6
    batch_size: int = 128

    def __post_init__(self) -> None:
        check_choice(self.modality, ("expression", "both", "pixels"), "modality")
        check_choice(self.sign, ("paper", "program"), "sign")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedMeatrd:
        """Train both stages on the spots labelled normal."""
        if self.modality == "pixels":
            raise MissingInputError(
                "MEATRD on pixels needs patches of 32 x 32 pixels, the weights of its U-Net, which come without a "
                "licence and are not part of spacrd, and a GPU; these sections hold patch embeddings. Use "
                "modality='both'."
            )
        from ._meatrd_network import train_rebuilder, train_sphere
        from ._normal_reference import NormalReference

        reference, inputs = NormalReference.of(
            sections, image=self.modality == "both", n_genes=self.n_genes, n_neighbors=self.n_neighbors
        )
        network = train_rebuilder(
            inputs, epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, seed=seed
        )
        encoder, centre = train_sphere(
            network,
            inputs,
            epochs=self.sphere_epochs,
            batch_size=self.batch_size,
            learning_rate=self.sphere_learning_rate,
            seed=seed,
        )
        return FittedMeatrd(self.sign, self.batch_size, reference, network, encoder, centre)


class FittedMeatrd:
    """Trained networks and the centre of the sphere."""

    def __init__(
        self,
        sign: str,
        batch_size: int,
        reference: NormalReference,
        network: Rebuilder,
        encoder: ErrorEncoder,
        centre: torch.Tensor,
    ) -> None:
        self.sign, self.batch_size, self.reference = sign, batch_size, reference
        self.network, self.encoder, self.centre = network, encoder, centre

    def score(self, section: SectionArrays) -> RivalScore:
        """Distance from the centre, min-max scaled within the section."""
        from ._meatrd_network import distances

        inputs = self.reference.read(section)
        distance = distances(self.network, self.encoder, self.centre, inputs, self.batch_size)
        scaled = minmax(np.where(inputs.valid, distance, np.nan))
        return RivalScore(scaled if self.sign == "paper" else 1 - scaled)


_CARD: dict[str, Any] = {
    "kind": "one-class",
    "labels": "normal",
    "paper": "Xu et al., AAAI 2025",
    "repository": "https://github.com/wqlzuel/MEATRD",
    "licence": "none stated; read for facts, no code of it is here",
    "transductive": True,
    "seeded": True,
    "depth_trap": "Backwards: twice the counts of an equal profile are less noise and a smaller rebuild error, so such "
    "spots score lower than others; with sign='program' they score higher.",
}
_ADAPTED = (
    "The reference are the normal spots of the training sections, not eight healthy sections, so that ten epochs are "
    "fewer steps. A transformer mixes the modalities of one spot; the program's attends across the spots of a "
    "mini-batch. Genes are decoded by one linear layer, not by four of 3000 outputs. The centre is the mean over all "
    "normal spots, not over the last batch. The sign is the paper's; the program gives far spots the low score "
    "(sign='program'), and cuts at the true share of positives."
)
RIVALS = {
    "meatrd": Entry(Meatrd, RivalCard("MEATRD (expression)", modality="expression", adapted=_ADAPTED, **_CARD)),
    "meatrd-both": Entry(
        partial(Meatrd, "both"),
        RivalCard(
            "MEATRD (embeddings)",
            modality="both",
            adapted=f"The image branch reads and rebuilds patch embeddings instead of pixels. {_ADAPTED}",
            lost="The U-Net on pixels, whose trained weights come without a licence.",
            **_CARD,
        ),
    ),
}
