"""SpaCell-Plus: concatenation of an image branch and an expression branch (after Tan et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_choice, check_positive_int, check_positive_number
from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import GeneSpace, both_classes, embedding, embedding_width, labelled
from ._interface import RivalScore
from ._registry import Entry

if TYPE_CHECKING:
    from torch import Tensor, nn

VARIANTS = ("intended", "program")
MODALITIES = ("both", "expression", "image")


class SpaCellPlus:
    """Classifier of spots on concatenated image and expression features.

    Parameters
    ----------
    variant
        ``"intended"``: the expression branch reads expression, as the paper says; ``"program"``: it reads the output
        of the image branch, as the program has it, so that expression plays no part.
    modality
        ``"both"``, or the program's networks of one modality.
    n_top_genes
        Highly variable genes to read.
    epochs, batch_size, lr
        Training with Adam; the last weights are used.
    """

    def __init__(
        self,
        *,
        variant: str = "intended",
        modality: str = "both",
        n_top_genes: int = 3000,
        epochs: int = 20,
        batch_size: int = 32,
        lr: float = 1e-3,
    ) -> None:
        self.variant = check_choice(variant, VARIANTS, "variant")
        self.modality = check_choice(modality, MODALITIES, "modality")
        if variant == "program" and modality != "both":
            raise ValueError(f"variant='program' is a network of both modalities: leave out modality={modality!r}.")
        self.n_top_genes = check_positive_int(n_top_genes, "n_top_genes")
        self.epochs = check_positive_int(epochs, "epochs")
        self.batch_size = check_positive_int(batch_size, "batch_size")
        self.lr = check_positive_number(lr, "lr")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedSpaCell:
        """Train on all labelled spots."""
        from torch import nn, optim

        from ._train import Training, initialise, seeded, tensor

        both_classes(sections)
        reader = self._reader(sections)
        parts, targets = [], []
        for section in sections:
            rows = reader.read(section)
            complete = np.all([np.isfinite(values).all(axis=1) for values in rows], axis=0)
            usable = labelled(section) & complete
            parts.append([values[usable] for values in rows])
            targets.append(section.target[usable])
        inputs = [tensor(np.concatenate(rows)) for rows in zip(*parts, strict=True)]
        target = tensor(np.concatenate(targets)).long()
        with seeded(seed):
            network = _network([rows.shape[1] for rows in inputs], program=self.variant == "program")
            # Keras' initial weights and epsilon.
            initialise(network, nn.init.xavier_uniform_)
            optimizer = optim.Adam(network.parameters(), lr=self.lr, eps=1e-7)

            def loss(batch: Tensor) -> Tensor:
                return nn.functional.cross_entropy(_logits(network, *(x[batch] for x in inputs)), target[batch])

            Training(self.epochs, self.batch_size).minimise(network, loss, len(target), [optimizer])
        return FittedSpaCell(reader, network)

    def _reader(self, sections: Sequence[SectionArrays]) -> Reader:
        width = None if self.modality == "expression" else embedding_width(sections)
        genes = None
        if self.modality != "image" and self.variant != "program":
            genes = GeneSpace.of(sections, self.n_top_genes)
        return Reader(width, genes)


@dataclass(frozen=True)
class Reader:
    """Inputs of the network, each column scaled to 0..1 within its section.

    Attributes
    ----------
    width
        Columns of the patch embedding; None if the network reads no image.
    genes
        Genes to read; None if the network reads no expression.
    """

    width: int | None
    genes: GeneSpace | None

    def read(self, section: SectionArrays) -> list[np.ndarray]:
        """Inputs of all spots, (n, width) each; zeros for a spot without a patch if its expression is read."""
        inputs = []
        if self.width is not None:
            image = embedding(section, "minmax")
            if image.shape[1] != self.width:
                raise ValueError(
                    f"Section {section.name!r} has a patch embedding of {image.shape[1]} columns, the training "
                    f"sections have {self.width}: use one encoder for all."
                )
            inputs.append(image if self.genes is None else np.nan_to_num(image))
        if self.genes is not None:
            inputs.append(self.genes.dense(section, "minmax"))
        return inputs


@dataclass(frozen=True)
class FittedSpaCell:
    """Trained classifier."""

    reader: Reader
    network: nn.ModuleDict

    def score(self, section: SectionArrays) -> RivalScore:
        """Probability of cancer, called from 0.5."""
        from ._train import evaluate

        def probability(*inputs: Tensor) -> Tensor:
            return _logits(self.network, *inputs).softmax(dim=1)[:, 1]

        return RivalScore(evaluate(probability, *self.reader.read(section)), threshold=0.5, probability=True)


def _network(widths: Sequence[int], *, program: bool) -> nn.ModuleDict:
    """Build a branch for each input, one more on top of the first if it is as in the program, and the head."""
    from torch import nn

    def dense(width: int, out: int, *, dropout: bool = True) -> list[nn.Module]:
        return [nn.Dropout(0.5)] * dropout + [nn.Linear(width, out), nn.ReLU()]

    branches = nn.ModuleList(nn.Sequential(*dense(width, 512)) for width in widths)
    if program:
        branches.append(nn.Sequential(*dense(512, 512, dropout=False)))
    # One branch is the first layer of the networks of one modality.
    fusion = dense(1024, 512) if len(branches) == 2 else []
    head = nn.Sequential(*fusion, *dense(512, 256), *dense(256, 128), nn.Dropout(0.5), nn.Linear(128, 2))
    return nn.ModuleDict({"branches": branches, "head": head})


def _logits(network: nn.ModuleDict, *inputs: Tensor) -> Tensor:
    """Logits of both classes, (n, 2)."""
    from torch import cat

    branches = network["branches"]
    hidden = [branch(rows) for branch, rows in zip(branches, inputs, strict=False)]
    if len(branches) > len(inputs):
        hidden.append(branches[1](hidden[0]))
    return network["head"](cat(hidden, dim=1))


RIVALS = {
    "spacell-plus": Entry(
        SpaCellPlus,
        RivalCard(
            "SpaCell-Plus (our reading)",
            kind="supervised",
            modality="both",
            labels="all",
            paper="Tan et al., Bioinformatics 2020; named SpaCell-Plus, without a definition, in the paper of SpaCRD",
            repository="https://github.com/BiomedicalMachineLearning/Spacell",
            licence="MIT",
            seeded=True,
            adapted=(
                "The image branch reads the patch embedding in place of a fine-tuned ResNet50; the expression branch "
                "reads log-normalised highly variable genes, scaled to 0..1 within the section, in place of counts "
                "divided by their sum; 20 epochs in place of the 1 of the committed settings. In the program the "
                "expression branch reads the output of the image branch, so that counts never enter: "
                "variant='program' does the same. No spots are dropped."
            ),
            lost="Without UNI weights: the image features of SpaCRD's paper; any patch embedding takes their place.",
            depth_trap=(
                "Finds some of it where labels go with depth: normalised profiles of few counts are noisier. The "
                "variant 'program' is blind to it."
            ),
        ),
    ),
}
