"""Cross-attention of a spot to its neighbourhood (paper eqs. 7-9)."""

from __future__ import annotations

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

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

    def forward(self, query: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from ``query`` (b, width) to ``context`` (b, t, width); ``mask`` (b, t) is True for real tokens."""
        q, k, v = (
            self._split(self.query(query)[:, None]),
            self._split(self.key(context)),
            self._split(self.value(context)),
        )
        attended = F.scaled_dot_product_attention(
            q, k, v, None if mask is None else mask[:, None, None, :], dropout_p=self.dropout if self.training else 0.0
        )
        out = self.out(attended.transpose(-2, -3).flatten(-2).squeeze(1))
        out = self.norm(out + query if self.residual else out)
        return self.inner_norm(out + self.inner(out)) if self.feed_forward else out
