"""Integrated gradients of the attention's vote (Sundararajan, Taly, Yan, ICML 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from torch.nn import functional as F

from .._settings import settings
from ..features import NetworkInputs
from ..nn import SpaCRDNetwork

FIRST_STEPS = 8
"""Points of the first integral; each further one has twice as many."""
TOLERANCE = 0.01
"""Largest difference between a vote and the sum of its parts, as a share of the range of the votes, that is enough."""


@dataclass(frozen=True)
class AttentionParts:
    """Hold the parts of the attention's vote, averaged over the networks.

    Attributes
    ----------
    parts
        Parts of each modality it reads, from the spot's own input and from its neighbours', (n, 2) float64.
    base
        Vote where every input is the section's mean, (n,) float64.
    genes
        Part of each gene in the weighted sums over spots, (n_genes, r) float64; None if it reads none.
    """

    parts: dict[str, np.ndarray]
    base: np.ndarray
    genes: np.ndarray | None


def attention_parts(
    networks: Sequence[SpaCRDNetwork],
    inputs: NetworkInputs,
    weights: np.ndarray,
    *,
    vote: np.ndarray,
    n_steps: int,
    batch_size: int,
    device: str,
    description: str,
) -> AttentionParts:
    """Divide the attention's vote among its inputs, with as few points of the integral as add up.

    Parameters
    ----------
    networks, inputs
        Fitted networks, and one section.
    weights
        Weight of each spot in the sums over genes, (n, r).
    vote
        The vote that is divided, (n,); NaN where it does not count.
    n_steps, batch_size
        Most points of the integral (Gauss-Legendre), and neighbourhoods per block.
    device, description
        Torch device, and text of the progress bar.
    """
    means = {name: features.mean() for name, features in inputs.features.items()}
    steps = min(FIRST_STEPS, n_steps)
    while True:
        found = _integrated(
            networks, inputs, means, weights, n_steps=steps, batch_size=batch_size, device=device, title=description
        )
        gap = np.abs(vote - found.base - sum(part.sum(axis=1) for part in found.parts.values()))
        if (
            np.nanmax(gap, initial=0.0) <= TOLERANCE * np.nanmax(vote - np.nanmin(vote), initial=0.0)
            or 2 * steps > n_steps
        ):
            return found
        steps *= 2


def _integrated(
    networks: Sequence[SpaCRDNetwork],
    inputs: NetworkInputs,
    means: Mapping[str, np.ndarray],
    weights: np.ndarray,
    *,
    n_steps: int,
    batch_size: int,
    device: str,
    title: str,
) -> AttentionParts:
    """Divide the attention's vote by an integral of ``n_steps`` points; arguments as in :func:`attention_parts`.

    The path goes from the section's mean input, for all spots of a neighbourhood at once, to their inputs. The first
    layer of an encoder is linear, so gradients are taken at its output, which is much narrower than the genes. A
    modality that a spot lacks is missing along the whole path.
    """
    n = len(inputs.target)
    reads = networks[0].modalities
    parts: dict[str, np.ndarray] = {name: np.zeros((n, 2)) for name in reads}
    base = np.zeros(n)
    genes = np.zeros((networks[0].config.n_genes, weights.shape[1])) if "expression" in reads else None
    blocks = [np.arange(start, min(n, start + batch_size)) for start in range(0, n, batch_size)]
    jobs = [(network, rows) for network in networks for rows in blocks]
    for network, rows in settings.track(jobs, total=len(jobs), description=title, unit="block"):
        network = network.to(device).eval()
        block = _Block(network, inputs, means, rows, torch.device(device))
        base[rows] += block.base() / len(networks)
        gradient = block.mean_gradient(n_steps)
        for name in parts:
            token = (gradient[name] * block.step[name][block.index]).sum(-1).double().cpu().numpy()
            parts[name][rows] += np.column_stack([token[:, 0], token[:, 1:].sum(axis=1)]) / len(networks)
        if genes is not None:
            genes += block.features("expression", gradient["expression"], weights[rows]) / len(networks)
    for network in networks:
        network.cpu()
    return AttentionParts(parts, base, genes)


class _Block:
    """Follow the inputs of some neighbourhoods along the path, at the output of the encoders' first layers."""

    def __init__(
        self,
        network: SpaCRDNetwork,
        inputs: NetworkInputs,
        means: Mapping[str, np.ndarray],
        rows: np.ndarray,
        device: torch.device,
    ) -> None:
        self.network = network
        distinct, position = np.unique(inputs.neighbours[rows], return_inverse=True)
        self.index = torch.from_numpy(position.reshape(len(rows), -1)).to(device)
        self.mask = None if inputs.mask[rows].all() else torch.from_numpy(inputs.mask[rows]).to(device)
        self.valid: dict[str, Tensor] = {}
        self.change: dict[str, Tensor] = {}  # inputs less their mean
        self.start: dict[str, Tensor] = {}  # first layer at the mean
        self.step: dict[str, Tensor] = {}  # first layer of the change
        with torch.no_grad():
            for name in network.modalities:
                features, first = inputs.features[name], network.encoders[name].first
                mean = torch.from_numpy(means[name].astype(np.float32)).to(device)
                valid = torch.from_numpy(features.valid[distinct]).to(device)
                x = torch.from_numpy(features.rows(distinct)).to(device)
                self.valid[name] = valid
                self.change[name] = (x - mean) * valid[:, None]
                self.start[name] = torch.where(valid[:, None], first(mean), first(torch.zeros_like(mean)))
                self.step[name] = F.linear(self.change[name], first.weight)

    def _vote(self, hidden: dict[str, Tensor]) -> Tensor:
        """Compute the vote of each neighbourhood from the first layers' outputs (b, t, hidden)."""
        network, tokens = self.network, {}
        for name, values in hidden.items():
            embedded = network.encoders[name].rest(values.flatten(0, 1)).unflatten(0, values.shape[:2])
            if network.config.missing_token:
                embedded = torch.where(self.valid[name][self.index][:, :, None], embedded, network.missing[name])
            tokens[name] = network.normalise(embedded, self.mask)
        counted = torch.ones(len(self.index), dtype=torch.bool, device=self.index.device)
        return network.head(network.fuse_tokens(tokens, self.mask), counted, []).votes[:, 0]

    def base(self) -> np.ndarray:
        """Compute the vote at the mean input, (b,)."""
        with torch.no_grad():
            return self._vote({name: start[self.index] for name, start in self.start.items()}).double().cpu().numpy()

    def mean_gradient(self, n_steps: int) -> dict[str, Tensor]:
        """Average the gradient of each vote at the first layers' outputs over the path, (b, t, hidden)."""
        total = {name: torch.zeros_like(start[self.index]) for name, start in self.start.items()}
        for position, weight in zip(*leggauss(n_steps), strict=True):  # on -1 to 1, with weights that sum to 2
            hidden = {
                name: (start + float(position + 1) / 2 * self.step[name])[self.index].requires_grad_()
                for name, start in self.start.items()
            }
            with torch.enable_grad():
                gradients = torch.autograd.grad(self._vote(hidden).sum(), list(hidden.values()))
            for name, gradient in zip(hidden, gradients, strict=True):
                total[name] += gradient * float(weight) / 2
        return total

    def features(self, name: str, gradient: Tensor, weights: np.ndarray) -> np.ndarray:
        """Sum the part of each input feature over neighbourhoods with ``weights`` (b, r), (width, r)."""
        flat, width = self.index.flatten(), gradient.shape[-1]
        matrix = self.network.encoders[name].first.weight.detach()
        columns = []
        for weight in torch.from_numpy(weights.astype(np.float32)).to(gradient.device).unbind(1):
            weighted = (gradient * weight[:, None, None]).reshape(-1, width)
            summed = gradient.new_zeros((len(self.change[name]), width)).index_add_(0, flat, weighted)
            columns.append(((summed @ matrix) * self.change[name]).sum(0).double().cpu().numpy())
        return np.column_stack(columns) if columns else np.zeros((matrix.shape[1], 0))
