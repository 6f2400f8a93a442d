"""Spatial-ID: cell types by transfer, then by a graph of the scored section (Shen et al., 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_choice, check_positive_int
from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import GeneSpace, both_classes, labelled
from ._interface import RivalScore
from ._registry import Entry

if TYPE_CHECKING:
    from torch import Tensor, nn

STAGES = ("graph", "dnn")
N_COMPONENTS = 200


class SpatialID:
    """Classifier of expression profiles, refined on the graph of the scored section.

    Parameters
    ----------
    stage
        ``"graph"``: both stages; ``"dnn"``: the classifier alone.
    n_top_genes
        Highly variable genes to read.
    n_neighbors
        Neighbours in the graph, the spot itself included.
    epochs, batch_size
        Training of the classifier; the weights of the epoch with the least training loss are used.
    graph_epochs
        Training on the scored section, whose spots are one batch.
    """

    def __init__(
        self,
        *,
        stage: str = "graph",
        n_top_genes: int = 3000,
        n_neighbors: int = 30,
        epochs: int = 200,
        batch_size: int = 4096,
        graph_epochs: int = 200,
    ) -> None:
        self.stage = check_choice(stage, STAGES, "stage")
        self.n_top_genes = check_positive_int(n_top_genes, "n_top_genes")
        self.n_neighbors = check_positive_int(n_neighbors, "n_neighbors")
        self.epochs = check_positive_int(epochs, "epochs")
        self.batch_size = check_positive_int(batch_size, "batch_size")
        self.graph_epochs = check_positive_int(graph_epochs, "graph_epochs")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedSpatialID:
        """Train the classifier on all labelled spots."""
        from torch import optim

        from ._spatialid_network import expression_network, focal_loss
        from ._train import Training, seeded, tensor

        both_classes(sections)
        genes = GeneSpace.of(sections, self.n_top_genes)
        labels = [labelled(section) for section in sections]
        rows = [profiles(genes, section)[label] for section, label in zip(sections, labels, strict=True)]
        expression = tensor(np.concatenate(rows))
        target = tensor(np.concatenate([s.target[label] for s, label in zip(sections, labels, strict=True)])).long()
        with seeded(seed):
            network = expression_network(len(genes.genes))

            def loss(batch: Tensor) -> Tensor:
                return focal_loss(network(expression[batch]), target[batch])

            optimizer = optim.Adam(network.parameters(), lr=3e-4, weight_decay=1e-6)
            training = Training(self.epochs, self.batch_size, keep_best=True)
            training.minimise(network, loss, len(target), [optimizer])
        return FittedSpatialID(self, genes, network, seed)


def profiles(genes: GeneSpace, section: SectionArrays) -> np.ndarray:
    """Counts of each spot divided by their Euclidean norm, (n, g) float32."""
    from sklearn.preprocessing import normalize

    # The norm takes any factor of a spot away, so that normalised counts serve as well as counts.
    return np.asarray(normalize(genes.read(section).expm1()).toarray(), dtype=np.float32)


@dataclass(frozen=True)
class FittedSpatialID:
    """Trained classifier, and how a section is refined.

    Attributes
    ----------
    options
        Stage, neighbours and epochs of the second stage.
    genes
        Genes to read.
    network
        Trained first stage.
    seed
        Of the second stage.
    """

    options: SpatialID
    genes: GeneSpace
    network: nn.Module
    seed: int

    def score(self, section: SectionArrays) -> RivalScore:
        """Probability of cancer, called from 0.5."""
        from ._train import evaluate

        pseudo = evaluate(lambda block: self.network(block).softmax(dim=1), profiles(self.genes, section))
        if self.options.stage == "graph":
            pseudo = self._refine(section, pseudo)
        return RivalScore(pseudo[:, 1], threshold=0.5, probability=True)

    def _refine(self, section: SectionArrays, pseudo: np.ndarray) -> np.ndarray:
        """Train the second stage on the section; returns probabilities of both classes, (n, 2) float64."""
        import torch
        from sklearn.decomposition import PCA

        from ._graph import nearest_neighbours
        from ._spatialid_network import Graph, GraphAutoencoder
        from ._train import Training, check_rows, seeded, tensor

        check_rows(len(section.xy))
        expression = self.genes.dense(section, "zscore")
        width = min(N_COMPONENTS, *expression.shape)
        components = tensor(PCA(width, random_state=self.seed).fit_transform(expression))
        labels = tensor(pseudo)
        with seeded(self.seed):
            graph = Graph.of(nearest_neighbours(section.xy, self.options.n_neighbors))
            network = GraphAutoencoder(width)

            def loss(_: Tensor) -> Tensor:
                distillation, reconstruction, edges = network.losses(components, graph, labels)
                return 20 * distillation + reconstruction + edges

            optimizer = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=1e-4)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
            training = Training(self.options.graph_epochs, len(components))
            training.minimise(network, loss, len(components), [optimizer], [schedule])
        with torch.inference_mode():
            return network(components, graph).double().softmax(dim=1).numpy()


RIVALS = {
    "spatial-id": Entry(
        SpatialID,
        RivalCard(
            "Spatial-ID",
            kind="supervised",
            modality="expression",
            labels="all",
            paper="Shen et al., Nature Communications 2022",
            repository="https://github.com/STOmics/SpatialID",
            licence="MIT",
            transductive=True,
            seeded=True,
            adapted=(
                "The labelled training sections take the place of the single-cell reference, cancer and normal that "
                "of cell types. Highly variable genes in place of all shared ones. No spots are filtered: the filter "
                "of the program has no effect. Batches of up to 4096 spots, also if there are fewer."
            ),
            lost="Nothing.",
            depth_trap=(
                "Nearly blind to it: profiles are divided by their norm. What is left is that profiles of few counts "
                "are noisier, which labels that go with depth can teach."
            ),
        ),
    ),
}
