"""Three-layer encoder of one modality (paper eq. 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._dropout import Dropout


class ModalityEncoder(nn.Module):
    """Encode one modality: twice Linear, BatchNorm, ReLU and Dropout, then Linear.

    Parameters
    ----------
    n_in
        Width of the input: genes, or dimensions of the patch embedding.
    hidden
        Widths of the two hidden layers.
    n_out
        Width of the shared space.
    dropout
        Dropout probability after each hidden layer.
    """

    def __init__(self, n_in: int, hidden: tuple[int, int], n_out: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(n_in, hidden[0])
        self.rest = nn.Sequential(
            nn.BatchNorm1d(hidden[0]),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(hidden[0], hidden[1]),
            nn.BatchNorm1d(hidden[1]),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(hidden[1], n_out),
        )

    def forward(self, x: Tensor, gather: Tensor | None = None) -> Tensor:
        """Encode rows ``x`` (u, n_in), repeated by the indices ``gather`` (b,); (b, n_out).

        The first layer, the widest, runs once per distinct row; batch statistics and dropout see every copy, so the
        result is distributed as if the rows had been repeated beforehand.
        """
        first = self.first(x)
        return self.rest(first if gather is None else torch.index_select(first, 0, gather))
