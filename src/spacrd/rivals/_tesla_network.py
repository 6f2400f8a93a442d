"""Self-labelling segmentation of TESLA. Import it inside a score: it loads torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ._train import seeded

RADIUS = 3
"""Pixels within which a small cluster looks for the cluster that takes it in."""
SMOOTHNESS = 5.0


def segment(
    band: np.ndarray,
    mask: np.ndarray,
    *,
    channels: int,
    max_rounds: int,
    min_clusters: int,
    min_size: float,
    learning_rate: float,
    seed: int,
) -> np.ndarray:
    """Segment an image by differentiable feature clustering (Kim, Kanezaki and Tanaka, 2020).

    A small convolutional network learns its own most active channel as the label of a pixel, while neighbouring pixels
    are drawn together.

    Parameters
    ----------
    band
        Values between 0 and 1, (height, width).
    mask
        Pixels on the tissue, (height, width) bool.
    channels
        Width of the network, and the largest number of clusters.
    max_rounds, min_clusters
        Stop after so many rounds, or when so few clusters are left.
    min_size
        Pixels of a cluster that is not taken in by another.
    learning_rate, seed
        Of the optimiser, and of the first weights.

    Returns
    -------
    Cluster of each pixel on the tissue, in row-major order, (m,) int64.
    """
    inside = torch.from_numpy(mask)
    image = torch.from_numpy(band.astype(np.float32))[None, None]
    with seeded(seed):
        network = nn.Sequential(
            nn.Conv2d(1, channels, 5, padding=2),
            nn.ReLU(),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 5, padding=2),
            nn.ReLU(),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
        for _ in range(max_rounds):
            output = network(image)[0]
            response = output[:, inside].T
            clusters, n_main = _merge(response.detach().argmax(dim=1).numpy(), mask, min_size)
            vertical, horizontal = output.diff(dim=1).abs().mean(), output.diff(dim=2).abs().mean()
            loss = F.cross_entropy(response, torch.from_numpy(clusters)) + SMOOTHNESS * (vertical + horizontal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if n_main <= min_clusters:
                break
    return clusters


def _merge(clusters: np.ndarray, mask: np.ndarray, min_size: float) -> tuple[np.ndarray, int]:
    """Give small clusters to the large one that has most pixels near them.

    Returns
    -------
    Clusters (m,), and the number of large ones. All stay as they are where none is large.
    """
    from scipy.ndimage import uniform_filter

    names, size = np.unique(clusters, return_counts=True)
    main, small = names[size >= min_size], names[size < min_size]
    if not len(main) or not len(small):
        return clusters, len(main)
    near = np.empty((len(main), len(clusters)), dtype=np.float32)
    indicator = np.zeros(mask.shape, dtype=np.float32)
    for number, name in enumerate(main):
        indicator[mask] = clusters == name
        near[number] = uniform_filter(indicator, 2 * RADIUS + 1, mode="constant")[mask]
    merged = clusters.copy()
    for name in small:
        pixels = clusters == name
        merged[pixels] = main[int(near[:, pixels].sum(axis=1).argmax())]
    return merged, len(main)
