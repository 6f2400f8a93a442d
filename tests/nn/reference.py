"""The authors' fusion network, written plainly: every token encoded, every query computed, nothing shared."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from spacrd.nn import SpaCRDNetwork


def _cross_attention(block, query, context, heads=8):
    b, t, d = query.shape
    q, k, v = (
        layer(x).reshape(b, -1, heads, d // heads).transpose(1, 2)
        for layer, x in ((block.query, query), (block.key, context), (block.value, context))
    )
    weights = torch.softmax(q @ k.transpose(-1, -2) / (d // heads) ** 0.5, dim=-1)
    joined = (weights @ v).transpose(1, 2).reshape(b, t, d)
    return F.layer_norm(block.out(joined), (d,), block.norm.weight, block.norm.bias)


def published_forward(network: SpaCRDNetwork, image: torch.Tensor, gene: torch.Tensor) -> dict[str, torch.Tensor]:
    """Logit, mean, log-variance and fused code from stacked tokens (b, t, features) of both modalities."""
    b, t, _ = image.shape
    tokens = {}
    for name, x in (("image", image), ("gene", gene)):
        encoder = network.encoders[name]
        z = encoder.rest(encoder.first(x.reshape(b * t, -1))).reshape(b, t, -1)
        tokens[name] = z / torch.sqrt((z * z).sum(dim=1, keepdim=True))  # over the neighbours, not the features
    his = _cross_attention(network.image_guided, tokens["image"], tokens["gene"])[:, 0]
    exp = _cross_attention(network.gene_guided, tokens["gene"], tokens["image"])[:, 0]
    fused = network.fuse_norm(network.fuse(torch.cat([his, exp], dim=1)))
    hidden = torch.relu(network.rvae.encoder[2](torch.relu(network.rvae.encoder[0](fused))))
    mean, logvar = network.rvae.mean(hidden), network.rvae.logvar(hidden)
    logit = network.classifier(torch.cat([mean, logvar], dim=1)).squeeze(1)
    return {"logit": logit, "mean": mean, "logvar": logvar, "fused": fused}
