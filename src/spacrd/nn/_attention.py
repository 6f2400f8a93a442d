"""Cross-attention of a spot to its neighbourhood (paper eqs. 7-9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CrossAttention(nn.Module):
    """Multi-head attention of one query per sample, then a projection and a LayerNorm.

    Parameters
    ----------
    width
        Width of tokens and output.
    heads
        Number of heads; must divide ``width``.
    dropout
        Dropout probability on the attention weights.
    residual
        Add the query to the output before the LayerNorm. The paper has no residual.
    feed_forward
        Follow with a residual two-layer network and a LayerNorm, as in a transformer. The paper has none.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, *, residual: bool = False, feed_forward: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.dropout, self.residual = heads, dropout, residual
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        if feed_forward:
            self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            self.inner_norm = nn.LayerNorm(width)
        self.feed_forward = feed_forward

    def _by_head(self, layer: nn.Linear) -> Tensor:
        return layer.weight.unflatten(0, (self.heads, -1))

    def forward(self, query: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from ``query`` (b, width) to ``context`` (b, t, width); ``mask`` (b, t) is True for real tokens.

        Keys and values are linear in the tokens, so they are never made: the query goes through the key's weights, and
        the attended mean of the tokens through the value's. That is exact, and t times less work. The key's bias adds
        the same to all tokens, which the softmax takes away.
        """
        asked = self.query(query).unflatten(-1, (self.heads, -1))
        through_key = torch.einsum("bhd,hdw->bhw", asked, self._by_head(self.key))
        logits = through_key @ context.mT / asked.shape[-1] ** 0.5
        if mask is not None:
            logits = logits.masked_fill(~mask[:, None], float("-inf"))
        weights = F.dropout(logits.softmax(-1), self.dropout, self.training)
        attended = torch.einsum("bhw,hdw->bhd", weights @ context, self._by_head(self.value))
        attended = attended + weights.sum(-1, keepdim=True) * self.value.bias.unflatten(0, (self.heads, -1))
        out = self.out(attended.flatten(-2))
        out = self.norm(out + query if self.residual else out)
        return self.inner_norm(out + self.inner(out)) if self.feed_forward else out
