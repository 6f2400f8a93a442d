"""Masked rebuild and one-class sphere of MEATRD. Import it inside a fit: it loads torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ._attention_graph import GATv2, Subgraph
from ._normal_reference import GraphInputs
from ._train import seeded, shuffled_batches, tensor

LATENT, BOTTLENECK = 256, 16
HOPS = 3
"""Two layers of attention, and one in the decoder of genes."""
IMAGE_WEIGHT = 0.506
"""Weight of the image in the loss: that of 32 x 32 pixels beside 3000 genes in the program."""
Rows = dict[str, torch.Tensor]


class SpotNorm(nn.Module):
    """Standardise each row; what InstanceNorm1d does to a table."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, width) to (n, width)."""
        return F.layer_norm(rows, rows.shape[1:])


class FusedAttention(nn.Module):
    """Graph attention of each modality, beside a bottleneck of all modalities of a spot."""

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(LATENT, 4, dim_feedforward=512, batch_first=True)
        self.mix = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.narrow = nn.Linear(n_modalities * LATENT, BOTTLENECK)
        self.graph = GATv2(LATENT + BOTTLENECK, LATENT, 2, feature_dropout=0.2, attention_dropout=0.1)
        self.last = nn.Linear(2 * LATENT, LATENT)  # one for all modalities

    def forward(self, codes: Rows, index: torch.Tensor, mask: torch.Tensor) -> Rows:
        """Codes of m nodes to those of the first ``len(index)``."""
        tokens = torch.stack(list(codes.values()), dim=1)
        common = self.narrow(self.mix(tokens).flatten(1))
        return {
            name: self.last(self.graph(torch.cat([code, common], dim=1), index, mask)) for name, code in codes.items()
        }


class GeneDecoder(nn.Module):
    """Expression of a spot from the codes within one hop."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.graph, self.last = GATv2(LATENT, LATENT, 1), nn.Linear(LATENT, width)

    def forward(self, codes: torch.Tensor, part: Subgraph) -> torch.Tensor:
        """(m, LATENT) to (b, width)."""
        return F.leaky_relu(self.last(self.graph(codes, *part.inner(0))), 0.2)


class Rebuilder(nn.Module):
    """Rebuilds masked spots from their neighbours."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.encoders, self.decoders = nn.ModuleDict(), nn.ModuleDict()
        for name, width in widths.items():
            if name == "expression":
                self.encoders[name] = nn.Sequential(
                    nn.Linear(width, 512), SpotNorm(), nn.LeakyReLU(0.2), nn.Dropout(0.8), nn.Linear(512, LATENT)
                )
                self.decoders[name] = GeneDecoder(width)
            else:
                self.encoders[name] = nn.Linear(width, LATENT)
                self.decoders[name] = nn.Sequential(nn.Linear(LATENT, 512), nn.LeakyReLU(0.2), nn.Linear(512, width))
        self.tokens = nn.ParameterDict({name: nn.Parameter(torch.zeros(LATENT)) for name in widths})
        self.attention = nn.ModuleList([FusedAttention(len(widths)) for _ in range(2)])

    def forward(self, rows: Rows, part: Subgraph) -> Rows:
        """Rebuild the seeds of a subgraph, whose own rows are not read."""
        seeds = part.sizes[0]
        codes = {}
        for name, encoder in self.encoders.items():
            others = encoder(rows[name][seeds:])
            codes[name] = torch.cat([self.tokens[name].expand(seeds, -1), others])
        for hops, layer in zip((2, 1), self.attention, strict=True):
            codes = layer(codes, *part.inner(hops))
        rebuilt = {}
        for name, decoder in self.decoders.items():
            rebuilt[name] = decoder(codes[name], part) if name == "expression" else decoder(codes[name][:seeds])
        return rebuilt


class ErrorEncoder(nn.Module):
    """Code of a spot whose difference from that of its rebuild is the error, (n, LATENT)."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.expression = nn.Linear(widths["expression"], LATENT)
        self.image = (
            nn.Sequential(nn.Linear(widths["image"], 512), nn.LeakyReLU(0.2), nn.Linear(512, LATENT))
            if "image" in widths
            else None
        )
        self.joint = nn.Linear(len(widths) * LATENT, LATENT)

    def forward(self, rows: Rows) -> torch.Tensor:
        """(n, width) each to (n, LATENT)."""
        codes = [self.expression(rows["expression"])]
        if self.image is not None:
            codes.append(0.1 * self.image(rows["image"]))
        return self.joint(torch.cat(codes, dim=1)).abs()


def _batch(inputs: GraphInputs, spots: np.ndarray) -> tuple[Rows, Rows, Subgraph]:
    """Rows of all nodes that a batch needs, and of the batch itself."""
    part = inputs.graph.layers(spots, HOPS)
    rows = {name: tensor(values[part.nodes]) for name, values in inputs.values.items()}
    return rows, {name: values[: len(spots)] for name, values in rows.items()}, part


def _rebuild_loss(rebuilt: Rows, real: Rows) -> torch.Tensor:
    """Scaled cosine error of expression, and L1 of the embedding."""
    cosine = F.cosine_similarity(rebuilt["expression"], real["expression"])
    loss = ((1 - cosine) ** 3).mean()
    if "image" not in real:
        return loss
    return (1 - IMAGE_WEIGHT) * loss + IMAGE_WEIGHT * F.l1_loss(rebuilt["image"], real["image"])


def train_rebuilder(inputs: GraphInputs, *, epochs: int, batch_size: int, learning_rate: float, seed: int) -> Rebuilder:
    """Stage II: rebuild masked normal spots. The network is returned in evaluation mode."""
    with seeded(seed):
        network = Rebuilder(inputs.widths)
        adam = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.5, 0.999))
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(epochs, 1))
        for _ in range(epochs):
            for batch in shuffled_batches(len(inputs.valid), batch_size):
                rows, real, part = _batch(inputs, batch.numpy())
                adam.zero_grad()
                _rebuild_loss(network(rows, part), real).backward()
                adam.step()
            cosine.step()
    return network.eval()


def _rebuilt(network: Rebuilder, inputs: GraphInputs, batch_size: int) -> Iterator[tuple[np.ndarray, Rows, Rows]]:
    """Positions, rows and rebuilds of all spots, in batches that hold few neighbours of each other."""
    order = np.random.default_rng(0).permutation(len(inputs.valid))
    for start in range(0, len(order), batch_size):
        spots = order[start : start + batch_size]
        rows, real, part = _batch(inputs, spots)
        with torch.no_grad():
            yield spots, real, network(rows, part)


def train_sphere(
    network: Rebuilder, inputs: GraphInputs, *, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> tuple[ErrorEncoder, torch.Tensor]:
    """Stage III: pull the errors of normal spots together.

    Returns
    -------
    The encoder, and the mean error of all normal spots, (LATENT,).
    """
    batches = [(real, fake) for _, real, fake in _rebuilt(network, inputs, batch_size)]
    with seeded(seed):
        encoder = ErrorEncoder(inputs.widths)
        adam = torch.optim.Adam(encoder.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for number in torch.randperm(len(batches)).tolist():
                error = encoder(batches[number][0]) - encoder(batches[number][1])
                adam.zero_grad()
                ((error - error.mean(dim=0)) ** 2).mean().backward()
                adam.step()
    with torch.no_grad():
        errors = torch.cat([encoder(real) - encoder(fake) for real, fake in batches])
    return encoder.eval(), errors.mean(dim=0)


def distances(
    network: Rebuilder, encoder: ErrorEncoder, centre: torch.Tensor, inputs: GraphInputs, batch_size: int
) -> np.ndarray:
    """Mean squared difference of each spot's error from the centre, (n,) float64."""
    distance = np.empty(len(inputs.valid))
    for spots, real, fake in _rebuilt(network, inputs, batch_size):
        with torch.no_grad():
            error = encoder(real) - encoder(fake)
            distance[spots] = ((error - centre) ** 2).mean(dim=1).numpy()
    return distance
