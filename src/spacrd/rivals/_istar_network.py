"""Weakly supervised network of iStar. Import it inside a score: it loads torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ._train import Training, evaluate, seeded, tensor

WIDTH = 256


def network(width: int, n_genes: int) -> nn.Sequential:
    """Features of a super-pixel to its share of each gene, above 0."""
    layers: list[nn.Module] = []
    for size in (width, WIDTH, WIDTH, WIDTH):
        layers += [nn.Linear(size, WIDTH), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Linear(WIDTH, n_genes), _Positive())


class _Positive(nn.Module):
    """ELU that ends just above 0."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return nn.functional.elu(rows, alpha=0.01) + 0.01


def predict(
    features: np.ndarray,
    index: np.ndarray,
    number: np.ndarray,
    targets: np.ndarray,
    *,
    epochs: int,
    n_starts: int,
    learning_rate: float,
    seed: int,
) -> np.ndarray:
    """Expression of super-pixels whose mean over a spot's disc is near that of the spot.

    Parameters
    ----------
    features
        Features of the super-pixels, (m, dim).
    index, number
        Super-pixels of the first spot, then of the second, and so on; how many each has, (n,).
    targets
        Expression of the spots, (n, genes), between 0 and 1.
    epochs, learning_rate
        Training.
    n_starts
        Networks to take the median of.
    seed
        Of the first weights and of the batches.

    Returns
    -------
    (m, genes) float64.
    """
    rows, spots = tensor(features), tensor(targets)
    first = np.cumsum(number) - number
    # Discs as rows of one width, padded with a super-pixel of weight 0.
    column = np.arange(number.max())
    padded = torch.from_numpy(index[np.minimum(first[:, None] + column, len(index) - 1)])
    weight = tensor((column < number[:, None]) / number[:, None])[..., None]
    training = Training(epochs, batch_size=max(1, min(128, len(targets) // 16)))
    starts = []
    with seeded(seed):
        for _ in range(n_starts):
            net = network(features.shape[1], targets.shape[1])

            def loss(batch: torch.Tensor, net: nn.Sequential = net) -> torch.Tensor:
                mean = (net(rows[padded[batch]]) * weight[batch]).sum(dim=1)
                return nn.functional.mse_loss(mean, spots[batch])

            training.minimise(net, loss, len(targets), [torch.optim.Adam(net.parameters(), lr=learning_rate)])
            starts.append(evaluate(net, features))
    return np.median(starts, axis=0)
