"""What the trials of ``trials.py`` change: the arrays of a fold, the network, the contrastive stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional as F

from spacrd.features._arrays import NetworkInputs
from spacrd.features._scaling import Features
from spacrd.features._section import SectionArrays
from spacrd.model._infer import make_tokens
from spacrd.nn import SpaCRDNetwork
from spacrd.train._stages import AlignmentStage


@dataclass
class Fold:
    """Training sections and one held out, as read and as the network reads them."""

    raw: list[SectionArrays]
    train: list[NetworkInputs]
    test: NetworkInputs
    prepare: Callable[[SectionArrays], NetworkInputs]
    rng: np.random.Generator


def dense(part: NetworkInputs, change: Callable[[np.ndarray], np.ndarray]) -> NetworkInputs:
    """The section with other values of expression."""
    gene = part.features["expression"]
    values = change(gene.rows(np.arange(len(part.target)))).astype(np.float32)
    plain = Features(values, np.zeros((1, values.shape[1]), np.float32), np.zeros(len(values), int), gene.valid)
    return replace(part, features={**part.features, "expression": plain})


def ranks(fold: Fold) -> None:
    """Each gene by its rank within the section, 0 to 1."""
    fold.train = [dense(part, lambda x: rankdata(x, axis=0) / len(x)) for part in fold.train]
    fold.test = dense(fold.test, lambda x: rankdata(x, axis=0) / len(x))


def thinned(fold: Fold) -> None:
    """Every training section once more, with half of its molecules."""
    half = [replace(raw, counts=_thin(raw.counts, fold.rng)) for raw in fold.raw]
    fold.train = fold.train + [fold.prepare(raw) for raw in half]


def _thin(counts, rng: np.random.Generator):
    counts = counts.copy()
    counts.data = rng.binomial(counts.data.astype(np.int64), 0.5).astype(counts.data.dtype)
    return counts


def coral(fold: Fold) -> None:
    """Covariance of each training section changed to that of the held-out one, in 50 components (CORAL, Sun 2016)."""
    every = np.vstack([part.features["expression"].rows(np.arange(len(part.target))) for part in fold.train])
    axes = PCA(50, random_state=0).fit(every).components_
    target = _root(fold.test.features["expression"].rows(np.arange(len(fold.test.target))) @ axes.T, 0.5)

    def change(x: np.ndarray) -> np.ndarray:
        code = (x - x.mean(0)) @ axes.T
        return x + (code @ _root(code, -0.5) @ target - code) @ axes

    fold.train = [dense(part, change) for part in fold.train]


def _root(code: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(np.cov(code.T) + 0.1 * np.trace(np.cov(code.T)) / code.shape[1] * np.eye(50))
    return vectors * values**power @ vectors.T


def ring(fold: Fold) -> None:
    """The spot and the mean of its neighbours as inputs of their own, instead of the mean over both."""

    def apart(part: NetworkInputs) -> NetworkInputs:
        near, there = part.neighbours[:, 1:], part.mask[:, 1:, None]
        wide = dense(part, lambda x: np.hstack([x, (x[near] * there).sum(1) / np.maximum(there.sum(1), 1)]))
        return replace(wide, neighbours=part.neighbours[:, :1], mask=part.mask[:, :1])

    fold.train, fold.test = [apart(part) for part in fold.train], apart(fold.test)


class Positioned(SpaCRDNetwork):
    """Adds a learned vector for the place in the neighbourhood: the spot itself, then neighbours by distance."""

    def __init__(self, config) -> None:
        super().__init__(config)
        self.position = nn.Parameter(0.02 * torch.randn(32, config.width))

    def normalise(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        return super().normalise(tokens, mask) + self.position[: tokens.shape[1]]


class Distant(AlignmentStage):
    """A spot's neighbours, whose tissue is the same, are no negatives of InfoNCE."""

    def training_step(self, batch, batch_idx: int) -> Tensor:
        tokens, recipe = batch.tokens, self.recipe
        centre = tokens.index[:, 0]
        image, gene = (
            F.normalize(self.network.encoders[name](self.hide(tokens.inputs[name][centre])), dim=-1)
            for name in ("image", "expression")
        )
        near = tokens.index[:, 1:, None] == centre
        near = (near if tokens.mask is None else near & tokens.mask[:, 1:, None]).any(1)
        near = (near | near.T).fill_diagonal_(False)
        similarity = (image @ gene.T / recipe.temperature).masked_fill(near, -torch.inf)
        pairs = torch.arange(len(similarity), device=similarity.device)
        loss = 0.5 * (F.cross_entropy(similarity, pairs) + F.cross_entropy(similarity.T, pairs))
        self.record(contrastive=loss)
        return loss


def target_statistics(trained: SpaCRDNetwork, test: NetworkInputs) -> None:
    """BatchNorm with the means and variances of the held-out section."""
    norms = [module for module in trained.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    every = np.arange(len(test.target))
    tokens = make_tokens(test.features, every[:, None], None)
    with torch.inference_mode():
        for name in trained.reads:
            trained.encoders[name](tokens.inputs[name])
    trained.eval()
