"""Integrated gradients of the attention's vote (Sundararajan, Taly, Yan, ICML 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .._settings import settings
from ..features import NetworkInputs
from ..nn import SpaCRDNetwork


@dataclass(frozen=True)
class AttentionParts:
    """Parts of the attention's vote, mean over the networks.

    Attributes
    ----------
    parts
        Of each modality it reads: of the spot's own input and of its neighbours', (n, 2) float64.
    base
        Vote where every input is the section's mean, (n,) float64.
    genes
        Contribution of each gene in the weighted sum over spots, (n_genes, r) float64; 0 if it reads none.
    """

    parts: dict[str, np.ndarray]
    base: np.ndarray
    genes: np.ndarray


def attention_parts(
    networks: Sequence[SpaCRDNetwork],
    arrays: NetworkInputs,
    means: Mapping[str, np.ndarray],
    weights: np.ndarray,
    *,
    n_steps: int,
    batch_size: int,
    device: str,
    description: str,
) -> AttentionParts:
    """Divide the attention's vote among its inputs.

    All inputs of a neighbourhood go together from the section's mean input to what they are. The first layer of an
    encoder is linear, so gradients at its output, which is much narrower than the genes, hold all that is needed.
    A spot that lacks a modality lacks it all the way.

    Parameters
    ----------
    networks
        Fitted networks.
    arrays
        One section.
    means
        Mean input of each modality, (width,).
    weights
        Of the spots in each sum of gene contributions, (n, r).
    n_steps
        Points of the integral (midpoint rule).
    batch_size
        Neighbourhoods per block.
    device
        Torch device.
    description
        Of the progress bar.
    """
    n, where = len(arrays.target), torch.device(device)
    reads = networks[0].reads
    parts: dict[str, np.ndarray] = {name: np.zeros((n, 2)) for name in dict.fromkeys(reads)}
    base, genes = np.zeros(n), np.zeros((networks[0].config.n_genes, weights.shape[1]))
    blocks = [np.arange(start, min(n, start + batch_size)) for start in range(0, n, batch_size)]
    jobs = [(network, rows) for network in networks for rows in blocks]
    for network, rows in settings.track(jobs, total=len(jobs), description=description, unit="block"):
        network = network.to(where).eval()
        block = _Block(network, arrays, means, rows, where)
        base[rows] += block.base() / len(networks)
        gradient = block.mean_gradient(n_steps)
        for name in parts:
            token = (gradient[name] * block.step[name][block.index]).sum(-1).double().cpu().numpy()
            parts[name][rows] += np.column_stack([token[:, 0], token[:, 1:].sum(axis=1)]) / len(networks)
        if "expression" in parts:
            genes += block.features("expression", gradient["expression"], weights[rows]) / len(networks)
    for network in networks:
        network.cpu()
    return AttentionParts(parts, base, genes)


class _Block:
    """Some neighbourhoods and the way of their inputs, seen behind the first layers of the encoders."""

    def __init__(
        self,
        network: SpaCRDNetwork,
        arrays: NetworkInputs,
        means: Mapping[str, np.ndarray],
        rows: np.ndarray,
        device: torch.device,
    ) -> None:
        self.network = network
        distinct, position = np.unique(arrays.neighbours[rows], return_inverse=True)
        self.index = torch.from_numpy(position.reshape(len(rows), -1)).to(device)
        self.mask = None if arrays.mask[rows].all() else torch.from_numpy(arrays.mask[rows]).to(device)
        self.valid: dict[str, Tensor] = {}
        self.change: dict[str, Tensor] = {}  # inputs less their mean
        self.start: dict[str, Tensor] = {}  # first layer at the mean
        self.step: dict[str, Tensor] = {}  # first layer of the change
        with torch.no_grad():
            for name in dict.fromkeys(network.reads):
                part, first = arrays.features[name], network.encoders[name].first
                mean = torch.from_numpy(means[name].astype(np.float32)).to(device)
                valid = torch.from_numpy(part.valid[distinct]).to(device)
                x = torch.from_numpy(part.rows(distinct)).to(device)
                self.valid[name] = valid
                self.change[name] = (x - mean) * valid[:, None]
                self.start[name] = torch.where(valid[:, None], first(mean), first(torch.zeros_like(mean)))
                self.step[name] = F.linear(self.change[name], first.weight)

    def _vote(self, hidden: dict[str, Tensor]) -> Tensor:
        """Vote of each neighbourhood from the first layers' outputs (b, t, hidden)."""
        network, tokens = self.network, {}
        for name, values in hidden.items():
            embedded = network.encoders[name].rest(values.flatten(0, 1)).unflatten(0, values.shape[:2])
            if network.config.missing_token:
                embedded = torch.where(self.valid[name][self.index][:, :, None], embedded, network.missing[name])
            tokens[name] = network.normalise(embedded, self.mask)
        everywhere = torch.ones(len(self.index), dtype=torch.bool, device=self.index.device)
        return network.head(network.fuse_tokens(tokens, self.mask), everywhere, []).votes[:, 0]

    def base(self) -> np.ndarray:
        """Vote at the mean input, (b,)."""
        with torch.no_grad():
            return self._vote({name: start[self.index] for name, start in self.start.items()}).double().cpu().numpy()

    def mean_gradient(self, n_steps: int) -> dict[str, Tensor]:
        """Gradient of each vote behind the first layer of each token, averaged over the way, (b, t, hidden)."""
        total = {name: torch.zeros_like(start[self.index]) for name, start in self.start.items()}
        for number in range(n_steps):
            at = (number + 0.5) / n_steps
            hidden = {
                name: (start + at * self.step[name])[self.index].requires_grad_() for name, start in self.start.items()
            }
            with torch.enable_grad():
                found = torch.autograd.grad(self._vote(hidden).sum(), list(hidden.values()))
            for name, gradient in zip(hidden, found, strict=True):
                total[name] += gradient / n_steps
        return total

    def features(self, name: str, gradient: Tensor, weights: np.ndarray) -> np.ndarray:
        """Contribution of each input feature in the sums over neighbourhoods with ``weights`` (b, r), (width, r)."""
        flat, width = self.index.flatten(), gradient.shape[-1]
        matrix = self.network.encoders[name].first.weight.detach()
        columns = []
        for weight in torch.from_numpy(weights.astype(np.float32)).to(gradient.device).unbind(1):
            weighted = (gradient * weight[:, None, None]).reshape(-1, width)
            summed = gradient.new_zeros((len(self.change[name]), width)).index_add_(0, flat, weighted)
            columns.append(((summed @ matrix) * self.change[name]).sum(0).double().cpu().numpy())
        return np.column_stack(columns) if columns else np.zeros((matrix.shape[1], 0))
