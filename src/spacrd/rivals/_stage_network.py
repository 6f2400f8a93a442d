"""The auto-encoder of STAGE. Import it inside a fit: it loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ._train import Training, seeded, tensor

HIDDEN = (1000, 500, 50, 10)
N_PROJECTIONS = 1000
"""Random directions of the sliced Wasserstein distance."""


class PlaceAutoencoder(nn.Module):
    """Auto-encoder whose latent numbers are the coordinates of a spot.

    Parameters
    ----------
    genes
        Number of genes.
    """

    def __init__(self, genes: int) -> None:
        super().__init__()
        self.encode = _layers((genes, *HIDDEN), 2)
        self.decode = _layers((2, *reversed(HIDDEN)), genes)

    def loss(self, expression: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Compute how far latent numbers are from places, and decoded from measured expression."""
        latent = self.encode(expression)
        decoded = self.decode(latent)
        at_place = F.l1_loss(latent, place) + 0.1 * sliced_distance(latent, place)
        reconstructed = F.mse_loss(decoded, expression) + 0.1 * F.l1_loss(decoded, expression)
        return 0.1 * at_place + 0.1 * 0.1 * reconstructed

    def errors(self, expression: torch.Tensor) -> torch.Tensor:
        """Compute the mean squared error of each spot, (n,)."""
        return ((self.decode(self.encode(expression)) - expression) ** 2).mean(dim=1)


def _layers(widths: Sequence[int], out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following), nn.BatchNorm1d(following), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], out), nn.ReLU())


def sliced_distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Estimate the sliced squared Wasserstein-2 distance between two sets of points, (n, 2) each."""
    directions = F.normalize(torch.randn(first.shape[1], N_PROJECTIONS), dim=0)
    sorted_first, sorted_second = (first @ directions).sort(dim=0).values, (second @ directions).sort(dim=0).values
    return ((sorted_first - sorted_second) ** 2).mean()


def train(expression: np.ndarray, places: np.ndarray, training: Training, seed: int) -> PlaceAutoencoder:
    """Train an auto-encoder on expression (n, g) and places (n, 2)."""
    target, place = tensor(expression), tensor(places)
    with seeded(seed):
        network = PlaceAutoencoder(target.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        training.minimise(network, lambda batch: network.loss(target[batch], place[batch]), len(target), [optimizer])
    return network
