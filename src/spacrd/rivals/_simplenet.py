"""SimpleNet: a discriminator of features and noisy features (Liu et al., 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_choice, check_positive_int, check_positive_number
from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import GeneSpace, embedding, embedding_width, normal_spots
from ._interface import MissingInputError, RivalScore
from ._registry import Entry

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMS = ("vectors", "pixels")
MODALITIES = ("image", "expression")


class SimpleNet:
    """One-class detector on one feature vector per spot.

    Parameters
    ----------
    form
        ``"vectors"`` reads one vector per spot. ``"pixels"``, the original on patches, cannot run here.
    modality
        ``"image"`` reads the patch embedding; ``"expression"`` reads principal components of expression, which is not
        what the method was made for.
    noise
        Standard deviation of the noise, relative to features of standard deviation 1.
    epochs, batch_size
        Passes over the normal spots, and spots in a batch; the last weights are used.
    n_top_genes, n_components
        Highly variable genes and their components for ``modality="expression"``.
    """

    def __init__(
        self,
        *,
        form: str = "vectors",
        modality: str = "image",
        noise: float = 0.015,
        epochs: int = 160,
        batch_size: int = 64,
        n_top_genes: int = 3000,
        n_components: int = 50,
    ) -> None:
        self.form = check_choice(form, FORMS, "form")
        self.modality = check_choice(modality, MODALITIES, "modality")
        self.noise = check_positive_number(noise, "noise")
        self.epochs = check_positive_int(epochs, "epochs")
        self.batch_size = check_positive_int(batch_size, "batch_size")
        self.n_top_genes = check_positive_int(n_top_genes, "n_top_genes")
        self.n_components = check_positive_int(n_components, "n_components")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedSimpleNet:
        """Train on the spots labelled normal."""
        import torch
        from torch import nn, optim

        from ._train import Training, check_rows, initialise, seeded, tensor

        if self.form == "pixels":
            raise MissingInputError(
                "SimpleNet on pixels needs the patches themselves and ImageNet weights of WideResNet50-2; sections "
                "hold a patch embedding only, and spacrd ships no weights. Use form='vectors'."
            )
        normal = normal_spots(sections)
        read = self._reader(normal, seed)
        rows = np.concatenate([read(section) for section in normal])
        rows = rows[np.isfinite(rows).all(axis=1)]
        check_rows(len(rows))
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        spread[spread <= 1e-6 * np.maximum(np.abs(mean), 1.0)] = np.inf  # a constant column becomes 0
        features = tensor((rows - mean) / spread)
        width = features.shape[1]
        with seeded(seed):
            adaptor = nn.Linear(width, width)
            discriminator = nn.Sequential(
                nn.Linear(width, 1024), nn.BatchNorm1d(1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1, bias=False)
            )
            network = nn.Sequential(adaptor, discriminator)
            initialise(network, nn.init.xavier_normal_)

            def loss(batch: Tensor) -> Tensor:
                adapted = adaptor(features[batch])
                fakes = adapted + self.noise * torch.randn_like(adapted)
                real, fake = discriminator(torch.cat([adapted, fakes])).split(len(batch))
                return nn.functional.relu(0.5 - real).mean() + nn.functional.relu(0.5 + fake).mean()

            optimizers = [
                optim.Adam(discriminator.parameters(), lr=2e-4, weight_decay=1e-5),
                optim.AdamW(adaptor.parameters(), lr=1e-4),
            ]
            Training(self.epochs, self.batch_size).minimise(network, loss, len(features), optimizers)
        return FittedSimpleNet(read, mean, spread, network)

    def _reader(self, normal: Sequence[SectionArrays], seed: int) -> Callable[[SectionArrays], np.ndarray]:
        """Find what features are; returns a function that reads those of a section."""
        if self.modality == "image":
            embedding_width(normal)
            return embedding
        from sklearn.decomposition import PCA

        genes = GeneSpace.of(normal, self.n_top_genes)
        rows = np.concatenate([genes.dense(section, "zscore") for section in normal])
        components = PCA(min(self.n_components, *rows.shape), svd_solver="randomized", random_state=seed).fit(rows)
        return lambda section: components.transform(genes.dense(section, "zscore"))


@dataclass(frozen=True)
class FittedSimpleNet:
    """Trained detector.

    Attributes
    ----------
    read
        Reads the features of a section.
    mean, spread
        Of each feature over the normal training spots.
    network
        Adaptor and discriminator.
    """

    read: Callable[[SectionArrays], np.ndarray]
    mean: np.ndarray
    spread: np.ndarray
    network: nn.Module

    def score(self, section: SectionArrays) -> RivalScore:
        """Negative output of the discriminator; NaN for a spot without a patch."""
        from ._train import evaluate

        rows = self.read(section)
        if rows.shape[1] != len(self.mean):
            raise ValueError(
                f"Section {section.name!r} has a patch embedding of {rows.shape[1]} columns, the training sections "
                f"have {len(self.mean)}: use one encoder for all."
            )
        return RivalScore(evaluate(lambda block: -self.network(block)[:, 0], (rows - self.mean) / self.spread))


RIVALS = {
    "simplenet": Entry(
        SimpleNet,
        RivalCard(
            "SimpleNet (vectors)",
            kind="one-class",
            modality="image",
            labels="normal",
            paper="Liu et al., CVPR 2023",
            repository="https://github.com/DonaldRR/SimpleNet",
            licence="MIT",
            seeded=True,
            adapted=(
                "One patch embedding per spot, standardised over the normal training spots, in place of a grid of "
                "locations per image, whose maximum is the original's score. The program keeps the weights of the "
                "epoch that does best on the test images; here the last weights are used."
            ),
            lost=(
                "Without WideResNet50-2 weights: the features of its layers 2 and 3, and with them all but the head "
                "of the method."
            ),
            depth_trap="Blind to it: it reads the image alone.",
        ),
    ),
}
