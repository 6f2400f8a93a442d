"""Losses of the method; equation numbers are the paper's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(image: Tensor, expression: Tensor, *, temperature: float, alpha: float) -> Tensor:
    """Compute the symmetric InfoNCE of paired spots (eqs. 3-6).

    Parameters
    ----------
    image, expression
        Embeddings of the same spots, (b, d).
    temperature
        Divides the cosine similarities.
    alpha
        Weight of the direction image to expression.
    """
    similarity = F.normalize(image, dim=-1) @ F.normalize(expression, dim=-1).T / temperature
    pairs = torch.arange(len(similarity), device=similarity.device)
    return alpha * F.cross_entropy(similarity, pairs) + (1 - alpha) * F.cross_entropy(similarity.T, pairs)


def class_kl(mean: Tensor, logvar: Tensor, prior_mean: Tensor) -> Tensor:
    """Compute the KL divergence to a unit Gaussian around the mean of the spot's class (eq. 17), mean over spots."""
    divergence = 0.5 * (logvar.exp() + (mean - prior_mean).square() - logvar - 1)
    return divergence.sum(1).mean()


def separation(class_means: Tensor, *, bound: float | None = None) -> Tensor:
    """Compute the negative distance of the class means, at most ``bound`` (None: unbounded, as the authors have it)."""
    distance = torch.linalg.vector_norm(class_means[0] - class_means[1])
    return -(distance if bound is None else distance.clamp(max=bound))


def reconstruction(decoded: Tensor, fused: Tensor, *, detach: bool) -> Tensor:
    """Compute the squared error, mean over spots and dimensions (eq. 16 sums over dimensions).

    ``detach`` stops the gradient to the fused code, which else becomes easy to predict.
    """
    return F.mse_loss(decoded, fused.detach() if detach else fused)


def vote_loss(votes: Tensor, counted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Compute the binary cross-entropy of the votes (b, h) that count, mean over spots, sum over votes (eq. 19).

    Each vote has its own loss, as a section may lack the others. ``weight`` holds the weights of the two classes, (2,).
    """
    losses = F.binary_cross_entropy_with_logits(votes, target[:, None].expand_as(votes), reduction="none")
    losses = losses * weight[target.long(), None]
    return ((losses * counted).sum(0) / counted.sum(0).clamp_min(1)).sum()
