"""Cross-attention of a spot to its neighbourhood (paper eqs. 7-9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CrossAttention(nn.Module):
    """Attend with one query per sample and several heads, then project and apply LayerNorm.

    Parameters
    ----------
    width
        Width of tokens and output.
    heads
        Number of heads; must divide ``width``.
    dropout
        Dropout probability on the attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def _by_head(self, layer: nn.Linear) -> Tensor:
        return layer.weight.unflatten(0, (self.heads, -1))

    def forward(self, query: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from ``query`` (b, width) to ``context`` (b, t, width); ``mask`` (b, t) is True for real tokens.

        Keys and values are linear in the tokens, so they are not computed: the weights of the key are applied to the
        query, and those of the value to the attended mean of the tokens. This is exact, and t times less work. The
        bias of the key adds the same to all tokens and does not change the softmax.
        """
        queries = self.query(query).unflatten(-1, (self.heads, -1))
        token_weights = torch.einsum("bhd,hdw->bhw", queries, self._by_head(self.key))
        logits = token_weights @ context.mT / queries.shape[-1] ** 0.5
        if mask is not None:
            logits = logits.masked_fill(~mask[:, None], float("-inf"))
        weights = F.dropout(logits.softmax(-1), self.dropout, self.training)
        attended = torch.einsum("bhw,hdw->bhd", weights @ context, self._by_head(self.value))
        attended = attended + weights.sum(-1, keepdim=True) * self.value.bias.unflatten(0, (self.heads, -1))
        return self.norm(self.out(attended.flatten(-2)))
