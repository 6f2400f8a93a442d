"""The authors' way of the published recipe, written plainly after its description, for comparison only.

Every spot's neighbourhood is stacked into dense arrays, every token is encoded, every query of the attention is
computed although one is used, the decoder and the sampling run in scoring too. Weights are those of a
:class:`spacrd.nn.SpaCRDNetwork`, so that the fast path can be held against it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spacrd.nn import SpaCRDNetwork
from spacrd.nn._dropout import Dropout

TEMPERATURE, ALPHA, BETA, GAMMA, SEPARATION = 0.07, 0.5, 0.5, 0.1, 0.1


def stack_neighbourhoods(features: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Dense tokens of every spot, (n, 7, width)."""
    return np.stack([np.stack([features[i] for i in row]) for row in neighbours])


def encode(network: SpaCRDNetwork, name: str, x: Tensor) -> Tensor:
    """Two hidden layers with BatchNorm, ReLU and dropout, and a linear one."""
    encoder = network.encoders[name]
    x = encoder.first(x)
    for layer in encoder.rest:
        # Torch's own dropout, as in the authors' program.
        x = F.dropout(x, layer.p, layer.training) if isinstance(layer, Dropout) else layer(x)
    return x


def cross_attention(block: torch.nn.Module, query: Tensor, context: Tensor, heads: int = 8) -> Tensor:
    """Eqs. 7-9: every token of ``query`` (b, t, width) asks every token of ``context``."""
    b, t, d = query.shape
    q, k, v = (
        layer(x).reshape(b, -1, heads, d // heads).transpose(1, 2)
        for layer, x in ((block.query, query), (block.key, context), (block.value, context))
    )
    weights = torch.softmax(q @ k.transpose(-1, -2) / (d // heads) ** 0.5, dim=-1)
    weights = F.dropout(weights, block.dropout, block.training)
    joined = (weights @ v).transpose(1, 2).reshape(b, t, d)
    return block.norm(block.out(joined))


def forward(network: SpaCRDNetwork, image: Tensor, gene: Tensor) -> dict[str, Tensor]:
    """Logit, mean, log-variance and fused code from stacked tokens (b, t, width) of both modalities."""
    tokens = {}
    for name, x in (("image", image), ("expression", gene)):
        z = encode(network, name, x.flatten(0, 1)).unflatten(0, x.shape[:2])
        tokens[name] = F.normalize(z, dim=1)  # over the neighbours, not the features
    his = cross_attention(network.image_guided, tokens["image"], tokens["expression"])[:, 0]
    exp = cross_attention(network.expression_guided, tokens["expression"], tokens["image"])[:, 0]
    fused = network.fuse_norm(network.fuse(torch.cat([his, exp], dim=1)))
    rvae = network.rvae
    hidden = rvae.encoder(fused)
    mean, logvar = rvae.mean(hidden), rvae.logvar(hidden)
    rebuilt = rvae.decoder(mean + torch.exp(logvar / 2) * torch.randn_like(mean))
    logit = network.classifier(torch.cat([mean, logvar], dim=1)).squeeze(1)
    return {"logit": logit, "mean": mean, "logvar": logvar, "fused": fused, "rebuilt": rebuilt}


def alignment_loss(network: SpaCRDNetwork, image: Tensor, gene: Tensor) -> Tensor:
    """Eqs. 3-6."""
    z_image, z_gene = (F.normalize(encode(network, n, x), dim=1) for n, x in (("image", image), ("expression", gene)))
    similarity = z_image @ z_gene.T / TEMPERATURE
    pairs = torch.arange(len(similarity))
    return ALPHA * F.cross_entropy(similarity, pairs) + (1 - ALPHA) * F.cross_entropy(similarity.T, pairs)


def fusion_loss(network: SpaCRDNetwork, image: Tensor, gene: Tensor, target: Tensor, *, classify: bool) -> Tensor:
    """Eqs. 13-19 as in the program: the VAE alone at first, then the classifier with a tenth of it."""
    found = forward(network, image, gene)
    prior = network.rvae.class_means
    rebuilt = ((found["rebuilt"] - found["fused"]) ** 2).mean()
    apart = (found["mean"] - prior[target.long()]) ** 2
    kl = (0.5 * (found["logvar"].exp() + apart - found["logvar"] - 1)).sum(1).mean()
    vae = rebuilt + BETA * kl - SEPARATION * torch.linalg.vector_norm(prior[0] - prior[1])
    return F.binary_cross_entropy_with_logits(found["logit"], target) + GAMMA * vae if classify else vae


def score(
    network: SpaCRDNetwork, image: np.ndarray, gene: np.ndarray, neighbours: np.ndarray, batch_size: int = 512
) -> np.ndarray:
    """Logit of every spot of a section from its dense, scaled features."""
    stacked = {n: stack_neighbourhoods(x, neighbours) for n, x in (("image", image), ("expression", gene))}
    logits = []
    with torch.no_grad():
        for start in range(0, len(neighbours), batch_size):
            block = {n: torch.from_numpy(x[start : start + batch_size]) for n, x in stacked.items()}
            logits.append(forward(network.eval(), block["image"], block["expression"])["logit"])
    return torch.cat(logits).numpy()
