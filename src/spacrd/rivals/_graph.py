"""Nearest-neighbour graphs of spots, and graph convolution on them. Import it inside a fit: it loads torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..features import neighbourhoods


@dataclass(frozen=True)
class Edges:
    """Directed edges from each spot to its nearest neighbours, the spot itself among them.

    Attributes
    ----------
    source, target
        Spot and neighbour of each edge, (m,) int64.
    distance
        Distance between both, (m,) float64, in units of the coordinates.
    n
        Number of spots.
    """

    source: np.ndarray
    target: np.ndarray
    distance: np.ndarray
    n: int


def nearest_neighbours(xy: np.ndarray, k: int) -> Edges:
    """Connect each spot with its ``k`` nearest spots, itself included; with all spots if there are fewer."""
    index, mask = neighbourhoods(xy, k - 1)
    source, column = np.nonzero(mask)
    target = index[source, column]
    return Edges(source, target, np.linalg.norm(xy[source] - xy[target], axis=1), len(xy))


def proximity(edges: Edges) -> np.ndarray:
    """Weight of each edge: 1 for no distance, 0 for the largest distance of the graph, linear between; (m,)."""
    largest = edges.distance.max(initial=0.0)
    return 1.0 - edges.distance / largest if largest > 0 else np.ones_like(edges.distance)


def normalised_adjacency(edges: Edges, weight: np.ndarray) -> torch.Tensor:
    """Compute D^-1/2 W D^-1/2 of Kipf and Welling (2017), where D holds the row sums of the weights W.

    Parameters
    ----------
    edges
        Graph with self-loops, so that no row sum is 0.
    weight
        Weight of each edge, (m,).

    Returns
    -------
    Sparse tensor (n, n), float32. Row i averages over the neighbours of spot i.
    """
    degree = np.bincount(edges.source, weights=weight, minlength=edges.n)
    values = weight / np.sqrt(degree[edges.source] * degree[edges.target])
    index = torch.from_numpy(np.stack([edges.source, edges.target]))
    values = torch.from_numpy(values).float()
    return torch.sparse_coo_tensor(index, values, (edges.n, edges.n), check_invariants=True).coalesce()


class GraphConvolution(nn.Module):
    """Graph convolution of Kipf and Welling (2017): linear map, weighted sum over neighbours, bias."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out, bias=False)
        self.bias = nn.Parameter(torch.zeros(out))
        nn.init.xavier_uniform_(self.linear.weight)

    def forward(self, rows: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        """Convolve (n, width) features to (n, out)."""
        return adjacency @ self.linear(rows) + self.bias
