"""The networks of Spatial-ID. Import it inside a fit: it loads torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ._graph import Edges, GraphConvolution, normalised_adjacency, proximity

CLASSES = 2


def expression_network(genes: int) -> nn.Sequential:
    """Build the first stage: a perceptron with a dropout on its logits, as the program has it."""
    layers: list[nn.Module] = []
    for width, out in ((genes, 1024), (1024, 512), (512, 512)):
        layers += [nn.Linear(width, out), nn.GELU(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(512, CLASSES), nn.Dropout(0.5))


def focal_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute the focal loss of Lin et al. (2017) with gamma 2 and a constant alpha of 0.25."""
    log_p = F.log_softmax(logits, dim=1).gather(1, target[:, None])
    return -(0.25 * (1 - log_p.exp()) ** 2 * log_p).mean()


@dataclass(frozen=True)
class Graph:
    """Graph of one section as the second stage reads it.

    Attributes
    ----------
    adjacency
        Normalised adjacency, sparse (n, n).
    source, target, weight
        Ends of each edge and its weight, (m,).
    """

    adjacency: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, edges: Edges) -> Graph:
        """Weigh edges by proximity."""
        weight = proximity(edges)
        return cls(
            normalised_adjacency(edges, weight),
            torch.from_numpy(edges.source),
            torch.from_numpy(edges.target),
            torch.from_numpy(weight).float(),
        )


class GraphAutoencoder(nn.Module):
    """Second stage: auto-encoder of components, variational auto-encoder of the graph, and a classifier on both.

    Parameters
    ----------
    width
        Number of components.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for size, out in ((width, 100), (100, 20)):
            layers += [nn.Linear(size, out), nn.BatchNorm1d(out, eps=0.001, momentum=0.01), nn.ELU(), nn.Dropout(0.2)]
        self.encoder = nn.Sequential(*layers)
        self.hidden = GraphConvolution(20, 32)
        self.mean, self.log_sd = GraphConvolution(32, 8), GraphConvolution(32, 8)
        self.reconstruct = nn.Sequential(nn.Linear(28, 64), nn.ELU(), nn.Linear(64, width))
        self.edge_features = nn.Sequential(nn.Linear(28, 64), nn.ELU())
        self.classify = nn.Linear(28, CLASSES)

    def losses(
        self, components: torch.Tensor, graph: Graph, pseudo: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute the losses of distillation, reconstruction and graph, given pseudo-labels as probabilities."""
        latent, mean, log_sd = self._encode(components, graph)
        log_p = F.log_softmax(self.classify(latent), dim=1)
        # The program averages over classes too.
        distillation = F.kl_div(log_p, pseudo, reduction="batchmean") / CLASSES
        reconstruction = F.mse_loss(self.reconstruct(latent), components)
        features = self.edge_features(latent)
        edges = len(graph.source)
        positive = (features[graph.source] * features[graph.target]).sum(dim=1)
        first, second = torch.randint(len(components), (2, edges))
        negative = (features[first] * features[second]).sum(dim=1)
        edge_loss = -(graph.weight * F.logsigmoid(positive)).mean() - F.logsigmoid(-negative).mean()
        # Kipf and Welling (2016): the mean over spots, divided once more by their number.
        divergence = -0.5 * (1 + 2 * log_sd - mean**2 - (2 * log_sd).exp()).sum(dim=1).mean() / len(components)
        return distillation, reconstruction, edge_loss + divergence

    def forward(self, components: torch.Tensor, graph: Graph) -> torch.Tensor:
        """Return the logits of each spot, (n, 2)."""
        return self.classify(self._encode(components, graph)[0])

    def _encode(self, components: torch.Tensor, graph: Graph) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        encoded = self.encoder(components)
        hidden = F.relu(self.hidden(encoded, graph.adjacency))
        mean, log_sd = self.mean(hidden, graph.adjacency), self.log_sd(hidden, graph.adjacency)
        sample = mean + torch.randn_like(mean) * log_sd.exp() if self.training else mean
        return torch.cat([encoded, sample], dim=1), mean, log_sd
