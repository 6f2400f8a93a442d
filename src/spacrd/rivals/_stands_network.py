"""Generator, critic and training of STANDS. Import it inside a fit: it loads torch."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ._attention_graph import GATv2, Subgraph
from ._normal_reference import GraphInputs
from ._train import seeded, shuffled_batches, tensor

LATENT = 256
HOPS = 2
"""Graph layers between a spot and its code."""
EVALUATION_SPOTS = 512
L1_WEIGHT, PENALTY_WEIGHT = 50.0, 10.0
Rows = dict[str, torch.Tensor]


def _block(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, out), nn.BatchNorm1d(out), nn.LeakyReLU(0.2), nn.Dropout(0.3))


class GeneEncoder(nn.Module):
    """Code of a spot from the expression of the spots within two hops."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first, self.between = GATv2(width, hidden, 4), _block(4 * hidden, 512)
        self.second, self.last = GATv2(512, LATENT, 1), nn.Linear(LATENT, LATENT)

    def forward(self, rows: torch.Tensor, part: Subgraph) -> torch.Tensor:
        """(m, width) to (b, LATENT)."""
        hidden = self.between(self.first(rows, *part.inner(1)))
        return self.last(self.second(hidden, *part.inner(0)))


class ImageEncoder(nn.Module):
    """Code of a spot from the patch embeddings of the spots within one hop."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.patch = nn.Sequential(_block(width, 512), nn.Linear(512, LATENT))
        self.graph, self.last = GATv2(LATENT, hidden // 2, 4), _block(2 * hidden, LATENT)

    def forward(self, rows: torch.Tensor, part: Subgraph) -> torch.Tensor:
        """(m, width) to (b, LATENT)."""
        return self.last(self.graph(self.patch(rows[: part.sizes[1]]), *part.inner(0)))


class CrossAttention(nn.Module):
    """Attention of one modality to the one token of the other: its weight is always 1, so only the maps are left."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(LATENT, LATENT), nn.Linear(LATENT, LATENT), nn.Dropout(0.3))
        self.forward_map = nn.Sequential(
            nn.Linear(LATENT, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(512, LATENT), nn.Dropout(0.3)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(LATENT), nn.LayerNorm(LATENT)])

    def forward(self, query: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Both (b, LATENT)."""
        query = self.norms[0](query + self.value(other))
        return self.norms[1](query + self.forward_map(query))


class Memory(nn.Module):
    """Codes of normal spots seen last; a code is replaced by a mean of those most like it (Gong et al., 2019)."""

    def __init__(self, size: int = 512, temperature: float = 0.07, shrink: float = 0.05) -> None:
        super().__init__()
        self.temperature, self.shrink, self.position = temperature, shrink, 0
        self.register_buffer("codes", torch.randn(size, LATENT) / LATENT**0.5)

    def store(self, codes: torch.Tensor) -> None:
        """Replace the oldest codes."""
        rows = (self.position + torch.arange(len(codes))) % len(self.codes)
        self.codes[rows] = codes.detach()
        self.position = (self.position + len(codes)) % len(self.codes)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(b, LATENT) to (b, LATENT)."""
        weight = (codes @ self.codes.T / self.temperature).softmax(dim=1)
        above = F.relu(weight - self.shrink)
        weight = above * weight / ((weight - self.shrink).abs() + 1e-12)
        return F.normalize(weight, p=1, dim=1) @ self.codes


class Generator(nn.Module):
    """Rebuilds spots from their neighbourhoods."""

    def __init__(self, widths: Mapping[str, int], hidden: int) -> None:
        super().__init__()
        kinds = {"expression": GeneEncoder, "image": ImageEncoder}
        self.encoders = nn.ModuleDict({name: kinds[name](width, hidden) for name, width in widths.items()})
        self.decoders = nn.ModuleDict(
            {name: nn.Sequential(_block(LATENT, 512), nn.Linear(512, width)) for name, width in widths.items()}
        )
        self.fusion = nn.ModuleList([nn.ModuleDict({name: CrossAttention() for name in widths}) for _ in range(3)])
        self.memory = Memory()
        self.fused = len(widths) > 1
        if not self.fused:
            self.fusion = nn.ModuleList()

    def forward(self, rows: Rows, part: Subgraph, *, store: bool = False) -> Rows:
        """Rebuild the seeds of a subgraph; ``store`` their codes in the memory."""
        codes = {name: encoder(rows[name], part) for name, encoder in self.encoders.items()}
        if self.fused:
            for layer in self.fusion:
                codes = {
                    name: layer[name](codes[name], codes["image" if name == "expression" else "expression"])
                    for name in codes
                }
        else:
            if store:
                self.memory.store(codes["expression"])
            codes = {"expression": self.memory(codes["expression"])}
        rebuilt = {name: self.decoders[name](code) for name, code in codes.items()}
        rebuilt["expression"] = F.relu(rebuilt["expression"])
        return rebuilt


class Critic(nn.Module):
    """Views a spot as 16 numbers; their mean is the Wasserstein value."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.views = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(width, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(512, 256), nn.LeakyReLU(0.2)
                )
                for name, width in widths.items()
            }
        )
        sizes = [256 * len(widths), 256, 256, 256]
        layers: list[nn.Module] = []
        for width, out in pairwise(sizes):
            layers += [spectral_norm(nn.Linear(width, out)), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
        self.joint = nn.Sequential(*layers, spectral_norm(nn.Linear(256, 16)))

    def forward(self, rows: Rows) -> torch.Tensor:
        """(b, width) each to (b, 16)."""
        return self.joint(torch.cat([view(rows[name]) for name, view in self.views.items()], dim=1))


def _penalty(critic: Critic, real: Rows, fake: Rows) -> torch.Tensor:
    """Gradient penalty of Gulrajani et al. (2017), over all inputs."""
    share = torch.rand(len(real["expression"]), 1)
    mixed = {name: (share * real[name] + (1 - share) * fake[name]).requires_grad_() for name in real}
    gradients = torch.autograd.grad(critic(mixed).mean(dim=1).sum(), list(mixed.values()), create_graph=True)
    return ((torch.cat(gradients, dim=1).norm(dim=1) - 1) ** 2).mean()


@dataclass(frozen=True)
class Schedule:
    """Training of both networks.

    Attributes
    ----------
    pretrain_epochs
        Passes of the generator alone, before; its loss is the L1 error.
    epochs
        Passes of both networks.
    critic_steps
        Steps of the critic to one of the generator.
    learning_rate
        At the start; it falls to 0 along a cosine. The generator alone has half of it.
    """

    pretrain_epochs: int
    epochs: int
    batch_size: int
    learning_rate: float
    critic_steps: int

    def batches(self, inputs: GraphInputs) -> Iterator[tuple[Rows, Rows, Subgraph]]:
        """Rows of all nodes that a batch needs, rows of the batch itself, and the graph of these nodes."""
        for batch in shuffled_batches(len(inputs.valid), self.batch_size):
            part = inputs.graph.layers(batch.numpy(), HOPS)
            rows = {name: tensor(values[part.nodes]) for name, values in inputs.values.items()}
            yield rows, {name: values[: len(batch)] for name, values in rows.items()}, part


def train(inputs: GraphInputs, schedule: Schedule, *, hidden: int, seed: int) -> tuple[Generator, Critic]:
    """Train both networks on normal spots; they are returned in evaluation mode."""
    with seeded(seed):
        generator, critic = Generator(inputs.widths, hidden), Critic(inputs.widths)
        _pretrain(generator, inputs, schedule)
        adams = [
            torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, betas=(0.5, 0.999))
            for network in (generator, critic)
        ]
        cosines = [torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(schedule.epochs, 1)) for adam in adams]
        for _ in range(schedule.epochs):
            for rows, real, part in schedule.batches(inputs):
                with torch.no_grad():
                    fake = generator(rows, part)  # once for all steps of the critic: it is the costly half
                for _ in range(schedule.critic_steps):
                    wasserstein = critic(fake).mean() - critic(real).mean()
                    _step(adams[1], wasserstein + PENALTY_WEIGHT * _penalty(critic, real, fake))
                rebuilt = generator(rows, part, store=True)
                _step(adams[0], L1_WEIGHT * _l1(rebuilt, real) - critic(rebuilt).mean())
            for cosine in cosines:
                cosine.step()
    return generator.eval(), critic.eval()


def _pretrain(generator: Generator, inputs: GraphInputs, schedule: Schedule) -> None:
    adam = torch.optim.Adam(generator.parameters(), lr=schedule.learning_rate / 2)
    for _ in range(schedule.pretrain_epochs):
        for rows, real, part in schedule.batches(inputs):
            _step(adam, _l1(generator(rows, part, store=True), real))


def _l1(rebuilt: Rows, real: Rows) -> torch.Tensor:
    return torch.stack([F.l1_loss(rebuilt[name], real[name]) for name in real]).mean()


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def dissimilarity(generator: Generator, critic: Critic, inputs: GraphInputs) -> np.ndarray:
    """1 - cosine similarity of the critic's views of each spot and of its rebuild, (n,) float64."""
    parts, everyone = [], np.arange(len(inputs.valid))
    # The views share a long common part: in single precision their cosine is 1 but for rounding errors.
    precise = copy.deepcopy(critic).double()
    with torch.no_grad():
        for start in range(0, len(everyone), EVALUATION_SPOTS):
            spots = everyone[start : start + EVALUATION_SPOTS]
            part = inputs.graph.layers(spots, HOPS)
            rows = {name: tensor(values[part.nodes]) for name, values in inputs.values.items()}
            rebuilt = generator(rows, part)
            real_view = precise({name: values[: len(spots)].double() for name, values in rows.items()})
            rebuilt_view = precise({name: values.double() for name, values in rebuilt.items()})
            parts.append((1 - F.cosine_similarity(real_view, rebuilt_view)).numpy())
    return np.concatenate(parts)
