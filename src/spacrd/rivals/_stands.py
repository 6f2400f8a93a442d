"""STANDS, component 1: a generative adversarial network that rebuilds normal spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice
from ..features import SectionArrays
from ._card import RivalCard
from ._interface import RivalScore
from ._registry import Entry

if TYPE_CHECKING:
    from ._normal_reference import NormalReference
    from ._stands_network import Critic, Generator

NORMAL_SHARE = 10 / 11
"""Share of normal spots that the threshold starts from: the mean of the program's prior, Beta(1, 10) of the others."""


@dataclass(frozen=True)
class Stands:
    """Score spots by how differently a critic sees them and their rebuild from their neighbourhood.

    Parameters
    ----------
    modality
        ``"expression"``, or ``"both"`` for expression and patch embedding.
    sign
        ``"paper"``: the more different, the higher the score; ``"head"``: the reverse, as the program since May 2026.
    n_genes
        Most variable genes of the normal spots to read.
    n_neighbors
        Nearest neighbours in the graph.
    hidden
        Width of a head of graph attention.
    pretrain_epochs
        Passes of the generator alone before, on the same spots; the program has 50, on large public sections.
    epochs, batch_size, learning_rate, critic_steps
        Training, by default as the program.
    """

    modality: str = "expression"
    _: KW_ONLY
    sign: str = "paper"
    n_genes: int = 3000
    n_neighbors: int = 4
    hidden: int = 512
    pretrain_epochs: int = 0
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 2e-4
    critic_steps: int = 3

    def __post_init__(self) -> None:
        check_choice(self.modality, ("expression", "both"), "modality")
        check_choice(self.sign, ("paper", "head"), "sign")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedStands:
        """Train generator and critic on the spots labelled normal."""
        from ._normal_reference import NormalReference
        from ._stands_network import Schedule, dissimilarity, train

        reference, inputs = NormalReference.of(
            sections, image=self.modality == "both", n_genes=self.n_genes, n_neighbors=self.n_neighbors
        )
        schedule = Schedule(self.pretrain_epochs, self.epochs, self.batch_size, self.learning_rate, self.critic_steps)
        generator, critic = train(inputs, schedule, hidden=self.hidden, seed=seed)
        return FittedStands(self.sign, reference, generator, critic, dissimilarity(generator, critic, inputs))


class FittedStands:
    """Trained networks, and what the normal training spots score."""

    def __init__(
        self, sign: str, reference: NormalReference, generator: Generator, critic: Critic, normal: np.ndarray
    ) -> None:
        self.sign, self.reference, self.generator, self.critic, self.normal = sign, reference, generator, critic, normal

    def score(self, section: SectionArrays) -> RivalScore:
        """Dissimilarity, min-max scaled within the section."""
        from ._stands_network import dissimilarity

        inputs = self.reference.read(section)
        different = np.where(inputs.valid, dissimilarity(self.generator, self.critic, inputs), np.nan)
        scaled = minmax(different)
        if self.sign == "head":
            return RivalScore(1 - scaled)
        return RivalScore(scaled, threshold=_threshold(different, scaled, self.normal))


def minmax(values: np.ndarray) -> np.ndarray:
    """Scale values to [0, 1], NaN left as it is; equal values become 0."""
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low if high > low else 1.0)


def _threshold(different: np.ndarray, scaled: np.ndarray, normal: np.ndarray) -> float | None:
    """Find the score that leaves as many spots above as the upper of two Gaussians holds.

    The lower Gaussian starts at the normal training spots. None if the scores do not differ.
    """
    from sklearn.mixture import GaussianMixture

    values, scores = different[np.isfinite(different)], scaled[np.isfinite(scaled)]
    if len(np.unique(values)) < 2:
        return None
    mixture = GaussianMixture(
        2,
        weights_init=[NORMAL_SHARE, 1 - NORMAL_SHARE],
        means_init=[[normal.mean()], [max(values.max(), normal.mean() + 3 * normal.std())]],
        random_state=0,
        reg_covar=1e-6 * float(values.var()),
    ).fit(values[:, None])
    share = mixture.weights_[int(np.argmax(mixture.means_.ravel()))]
    return float(np.quantile(scores, 1 - share))


_CARD: dict[str, Any] = {
    "kind": "one-class",
    "labels": "normal",
    "paper": "Xu et al., Nat Commun 2024",
    "repository": "https://github.com/Catchxu/STANDS",
    "licence": "GPL-3.0; read for facts, no code of it is here",
    "transductive": True,
    "seeded": True,
    "depth_trap": "Little, either way: the critic sees twice the counts of an equal profile as less noise, not as an "
    "error. On simulated spots the AUC lies between .45 and .65.",
}
_ADAPTED = (
    "Component 1 (detection) alone. The reference are the normal spots of the training sections, not healthy tissue, "
    "and there is no training on large public sections before (pretrain_epochs does it on the reference). The three "
    "steps of the critic see one rebuild, and the gradient penalty counts all inputs. The threshold comes from a "
    "Gaussian mixture that starts at the normal spots; the program's starts at random values. The sign is the paper's; "
    "the program turned it in May 2026 (sign='head'), and its benchmark cuts at the true share of positives."
)
RIVALS = {
    "stands": Entry(
        Stands,
        RivalCard(
            "STANDS (expression)",
            modality="expression",
            adapted=_ADAPTED,
            lost="Weights trained on large public sections, which the repository does not hold.",
            **_CARD,
        ),
    ),
    "stands-both": Entry(
        partial(Stands, "both"),
        RivalCard(
            "STANDS (embeddings)",
            modality="both",
            adapted=f"The image branch reads and rebuilds patch embeddings instead of pixels. {_ADAPTED}",
            lost="The residual network on pixels, and weights trained on large public sections.",
            **_CARD,
        ),
    ),
}
