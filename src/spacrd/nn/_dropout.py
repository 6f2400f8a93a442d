"""Dropout with random numbers that are cheap on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Dropout):
    """Draw dropout from whole random words on a CPU, where torch draws one Bernoulli number at a time.

    A value is dropped where its 32 random bits lie below ``p``: the same distribution, several times faster.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training, and scale the others up."""
        if not self.training or not 0 < self.p < 1 or x.device.type != "cpu":
            return F.dropout(x, self.p, self.training)
        words = torch.empty((x.numel() + 1) // 2, dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int32)[: x.numel()].view(x.shape)
        retained = bits >= int(self.p * 2**32) - 2**31
        return x * retained.to(x.dtype).mul_(1 / (1 - self.p))
