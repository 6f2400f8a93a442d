"""Graph attention over nearest neighbours in padded arrays. Import it inside a fit: it loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..features import neighbourhoods


@dataclass(frozen=True)
class PaddedGraph:
    """Neighbours of each node, as many columns as the node with most neighbours has.

    Attributes
    ----------
    index
        Positions of the neighbours, the node itself first, (n, k) int64; padded with the node itself.
    mask
        Which of them are neighbours and not padding, (n, k) bool.
    """

    index: np.ndarray
    mask: np.ndarray

    @classmethod
    def nearest(cls, xy: np.ndarray, k: int) -> PaddedGraph:
        """Connect each spot with itself, its ``k`` nearest spots, and all spots that it is one of the ``k`` of."""
        from scipy.sparse import csr_matrix

        n = len(xy)
        index, mask = neighbourhoods(xy, k)
        source, column = np.nonzero(mask)
        matrix = csr_matrix((np.ones(len(source)), (source, index[source, column])), shape=(n, n))
        edges = (matrix + matrix.T).tocoo()
        rows, columns = edges.coords
        # The node itself first, then its neighbours in the order of their positions.
        order = np.lexsort((columns, columns != rows, rows))
        rows, columns = rows[order], columns[order]
        degree = np.bincount(rows, minlength=n)
        slot = np.arange(len(rows)) - np.repeat(np.cumsum(degree) - degree, degree)
        padded = np.repeat(np.arange(n)[:, None], degree.max(), axis=1)
        real = np.zeros(padded.shape, dtype=bool)
        padded[rows, slot], real[rows, slot] = columns, True
        return cls(padded, real)

    @classmethod
    def stack(cls, graphs: Sequence[PaddedGraph]) -> PaddedGraph:
        """Several graphs below each other, without edges between them."""
        width = max(graph.index.shape[1] for graph in graphs)
        indices, masks, start = [], [], 0
        for graph in graphs:
            missing = width - graph.index.shape[1]
            indices.append(np.pad(graph.index, ((0, 0), (0, missing)), mode="edge") + start)
            masks.append(np.pad(graph.mask, ((0, 0), (0, missing))))
            start += len(graph.index)
        index, mask = np.vstack(indices), np.vstack(masks)
        return cls(np.where(mask, index, np.arange(start)[:, None]), mask)

    def layers(self, seeds: np.ndarray, hops: int) -> Subgraph:
        """Nodes within some hops of the seeds.

        Returns
        -------
        Subgraph whose first ``sizes[h]`` nodes are those within h hops; the seeds come first, in their order.
        """
        nodes, sizes = np.asarray(seeds), [len(seeds)]
        for _ in range(hops):
            reached = np.unique(self.index[nodes])
            nodes = np.concatenate([nodes, np.setdiff1d(reached, nodes)])
            sizes.append(len(nodes))
        position = np.full(len(self.index), -1)
        position[nodes] = np.arange(len(nodes))
        inner = nodes[: sizes[-2]] if hops else nodes[:0]
        return Subgraph(
            nodes,
            tuple(sizes),
            torch.from_numpy(position[self.index[inner]]),
            torch.from_numpy(self.mask[inner]),
        )


@dataclass(frozen=True)
class Subgraph:
    """Part of a graph that a batch needs.

    Attributes
    ----------
    nodes
        Positions of the nodes in the whole graph.
    sizes
        How many of them lie within 0, 1, ... hops of the seeds.
    index, mask
        Neighbours of all nodes but those of the last hop, as positions in ``nodes``, and which of them are real.
    """

    nodes: np.ndarray
    sizes: tuple[int, ...]
    index: torch.Tensor
    mask: torch.Tensor

    def inner(self, hops: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Neighbours and mask of the nodes within ``hops`` hops."""
        return self.index[: self.sizes[hops]], self.mask[: self.sizes[hops]]


class GATv2(nn.Module):
    """Graph attention of Brody, Alon and Yahav (2022): a^T LeakyReLU(W_s h_i + W_t h_j), softmax over neighbours j.

    Parameters
    ----------
    width
        Columns of the input.
    out
        Columns of the output of one head.
    heads
        Number of heads; their outputs are concatenated.
    feature_dropout, attention_dropout
        Dropout rates of the input and of the attention weights.
    """

    def __init__(
        self, width: int, out: int, heads: int, *, feature_dropout: float = 0.0, attention_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.heads, self.out = heads, out
        self.own = nn.Linear(width, heads * out)
        self.neighbour = nn.Linear(width, heads * out)
        self.attention = nn.Parameter(torch.empty(heads, out))
        self.feature_dropout, self.attention_dropout = nn.Dropout(feature_dropout), nn.Dropout(attention_dropout)
        for weight in (self.own.weight, self.neighbour.weight, self.attention):
            nn.init.xavier_normal_(weight, gain=nn.init.calculate_gain("relu"))

    def forward(self, rows: torch.Tensor, index: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Attend from the first ``len(index)`` rows to their neighbours.

        Parameters
        ----------
        rows
            Features of all nodes, (m, width).
        index, mask
            Neighbours as positions in ``rows``, (b, k), and which of them are real.

        Returns
        -------
        (b, heads * out).
        """
        rows = self.feature_dropout(rows)
        own = self.own(rows[: len(index)]).view(-1, 1, self.heads, self.out)
        neighbour = self.neighbour(rows).view(-1, self.heads, self.out)[index]
        score = (F.leaky_relu(own + neighbour, 0.2) * self.attention).sum(-1)
        weight = score.masked_fill(~mask[..., None], -torch.inf).softmax(dim=1)
        return (self.attention_dropout(weight)[..., None] * neighbour).sum(1).flatten(1)
