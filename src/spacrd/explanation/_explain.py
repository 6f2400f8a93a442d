"""Divide the logits of a section into contributions of modalities, genes, and the spot and its surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._settings import settings
from .._torch_mode import plain_torch
from ..features import NetworkInputs, SectionArrays, prepare
from ..model import Scores, propagate, propagated, random_walk, score_voters
from ._integrate import attention_parts

if TYPE_CHECKING:
    from ..model import SpaCRD

SOURCES = ("own", "neighbours", "propagation")


@dataclass(frozen=True)
class Explanation:
    """Hold the contributions of one section, in units of the logit and relative to its mean spot.

    For every spot, ``contributions`` and ``base`` add up to the logit before it is shifted to the expected share of
    cancer and bounded (see :class:`spacrd.model.Calibration`); without a calibration, to the logit. The three
    ``sources`` add up to the sum of ``contributions``.

    Attributes
    ----------
    modalities
        Those that the model reads, of ``"image"`` and ``"expression"``.
    contributions
        Contribution of each modality, (n, len(modalities)) float64; NaN where a spot has no likelihood.
    base
        Rest of the logit, (n,) float64: the effect of missing modalities and neighbours on the attention's vote and,
        without a calibration, the logit of the mean spot.
    sources
        Contributions of the spot itself, of its neighbourhood, and of propagation, (n, 3) float64.
    genes
        Contribution of each candidate gene of the model summed over the spots of each region, (n_genes, r) float64; NaN
        for genes that are not read.
    error
        Largest difference, in logits, between a vote and the sum of its parts, from the steps of the integration.
    """

    modalities: tuple[str, ...]
    contributions: np.ndarray
    base: np.ndarray
    sources: np.ndarray
    genes: np.ndarray
    error: float


def attention_role(model: SpaCRD) -> str:
    """Name the role of the attention: ``"votes"``, or ``"none"`` without networks."""
    return "none" if model.config.network is None else "votes"


@plain_torch()
def explain_section(
    model: SpaCRD,
    section: SectionArrays,
    regions: np.ndarray,
    *,
    n_steps: int,
    batch_size: int,
    device: str | None = None,
) -> Explanation:
    """Divide the logits of one section among its inputs.

    Linear votes and discriminants are sums over their inputs. The attention's vote is divided by integrated gradients.
    Averaging over
    networks, propagation, centring and calibration are linear and are applied to every part separately.

    Parameters
    ----------
    model, section
        Fitted model, and section to explain; the target is not read.
    regions
        Which spots belong to each region, (n, r) bool.
    n_steps, batch_size, device
        As in :func:`spacrd.tl.explain`.

    Returns
    -------
    Contributions of every spot, and their sums over regions.

    Raises
    ------
    ValueError
        If the section has none of the modalities that the model reads.
    """
    c = model.config
    inputs = prepare(
        section, expression=c.expression, image=c.image, n_neighbors=c.n_neighbors, max_distance_um=c.max_distance_um
    ).load()
    if not any(features.valid.any() for features in inputs.features.values()):
        raise ValueError(f"Section {section.name!r} has none of what the model reads: {', '.join(c.modalities)}.")
    device = settings.resolve_device(device)
    scores = score_voters(model.parts.voters, inputs, c.discriminants, device=device)
    path = LinearPath(model, inputs, scores)
    means = {name: features.mean() for name, features in inputs.features.items()}
    n = len(inputs.target)
    # Parts of each vote before propagation: by modality, and whether from the spot itself or its neighbours.
    parts, bases = np.zeros((n, path.n_votes, len(c.modalities), 2)), np.zeros((n, path.n_votes))
    genes = np.zeros((c.n_candidates, regions.shape[1]))
    vote = 0
    if c.network is not None:
        attention = attention_parts(
            model.networks,
            inputs,
            path.adjoint(regions, 0),
            vote=np.where(scores.counted[:, 0], scores.votes[:, 0], np.nan),
            n_steps=n_steps,
            batch_size=batch_size,
            device=device,
            description=f"explain {section.name}",
        )
        for name, values in attention.parts.items():
            parts[:, 0, c.modalities.index(name)] = values
        bases[:, 0] = attention.base
        if attention.genes is not None:
            genes += attention.genes
        vote = 1
    for name, linear in _linear_votes(model, inputs):
        parts[:, vote, c.modalities.index(name)], bases[:, vote], by_feature = _linear_parts(
            linear, inputs, name, means[name], path.adjoint(regions, vote)
        )
        if name == "expression":
            genes += by_feature
        vote += 1
    if c.expression is not None:
        genes[~inputs.features["expression"].present] = np.nan
    gap = np.abs(scores.votes - bases - parts.sum(axis=(2, 3))) * path.weight
    contributions, base, sources = path.apply(parts, bases)
    return Explanation(
        modalities=c.modalities,
        contributions=contributions,
        base=base,
        sources=sources,
        genes=genes,
        error=float(gap.max(initial=0.0)),
    )


@dataclass(frozen=True)
class LinearVote:
    """Hold a vote that is linear in one modality.

    Attributes
    ----------
    slope, bias
        Weight of each feature, (width,) float64, and constant.
    pooled
        Whether it reads the mean over the neighbourhood, not the spot alone.
    """

    slope: np.ndarray
    bias: float
    pooled: bool


def _linear_votes(model: SpaCRD, inputs: NetworkInputs) -> Iterator[tuple[str, LinearVote]]:
    """Yield the linear votes after that of the attention, with the modality that each reads."""
    c = model.config
    for name in c.network.modalities if c.network is not None and c.network.linear_votes else ():
        layers = [network.linear[name].weight.detach().cpu().numpy().ravel() for network in model.networks]
        bias = np.mean([network.linear_bias[name].item() for network in model.networks])
        yield name, LinearVote(np.asarray(np.mean(layers, axis=0, dtype=np.float64)), float(bias), pooled=True)
    for name, discriminant in zip(c.discriminants, model.parts.voters.discriminants, strict=True):
        yield name, LinearVote(discriminant.weights(inputs.features[name].present), 0.0, pooled=False)


def _linear_parts(
    vote: LinearVote, inputs: NetworkInputs, name: str, mean: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide a linear vote among its inputs.

    Returns
    -------
    Parts of the spot and of its neighbours, (n, 2); the vote at the mean input, (n,); and the part of each feature,
    summed over spots with ``weights`` (n, r), (width, r).
    """
    features = inputs.features[name]
    index = inputs.neighbours if vote.pooled else inputs.neighbours[:, :1]
    shift = features.offset[0] - mean
    term = np.where(features.valid, features.matrix @ vote.slope + shift @ vote.slope, 0.0)
    counted = inputs.mask[:, : index.shape[1]] & features.valid[index]
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)  # of each token in the mean
    by_token = share * term[index]
    from_spot = by_token[:, 0]
    base = np.full(len(index), mean @ vote.slope + vote.bias)
    # Weight of each spot's input in the sum: features are then summed without a dense matrix.
    used = np.column_stack(
        [np.bincount(index.ravel(), (share * w[:, None]).ravel(), minlength=len(index)) for w in weights.T]
    )
    by_feature = vote.slope[:, None] * (features.matrix.T @ used + shift[:, None] * used.sum(axis=0))
    return np.column_stack([from_spot, by_token.sum(axis=1) - from_spot]), base, by_feature


class LinearPath:
    """Map votes to the logit: propagate, centre over the section, scale, average. All steps are linear."""

    def __init__(self, model: SpaCRD, inputs: NetworkInputs, scores: Scores) -> None:
        calibration, counted = model.config.calibration, scores.counted
        self.calibrated = bool(calibration.n_sections)
        self.share = model.config.propagation
        self.inputs, self.counted, self.n_votes = inputs, counted, counted.shape[1]
        spread = propagated(scores, inputs, self.share)
        scale = calibration.slope * calibration.weights(spread.votes, counted) if self.calibrated else 1.0
        self.weight = counted * scale / np.maximum(counted.sum(axis=1, keepdims=True), 1)
        walks = [random_walk(inputs.graph, usable, self.share) for usable in counted.T]
        # Probability that a walk of the diffusion stops where it starts.
        self.stay = np.column_stack([stay for _, stay, _ in walks])
        self.divisor = np.column_stack([divisor for _, _, divisor in walks])

    def _spread(self, values: np.ndarray, vote: int) -> np.ndarray:
        usable = self.counted[:, vote]
        return propagate(np.where(usable, values, 0.0), self.inputs.graph, usable, self.share)

    def _mean(self, values: np.ndarray, vote: int) -> float:
        usable = self.counted[:, vote]
        return float(values[usable].mean()) if usable.any() else 0.0

    def apply(self, parts: np.ndarray, bases: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn parts (n, h, m, 2) and bases (n, h) of votes into contributions (n, m), base (n,) and sources (n, 3)."""
        n, _, n_modalities, _ = parts.shape
        contributions, base, sources = np.zeros((n, n_modalities)), np.zeros(n), np.zeros((n, 3))
        for vote in range(self.n_votes):
            weight, offset = self.weight[:, vote], 0.0
            for number in range(n_modalities):
                spread = self._spread(parts[:, vote, number].sum(axis=1), vote)
                mean = self._mean(spread, vote)
                contributions[:, number] += weight * (spread - mean)
                offset += mean
            spread = self._spread(bases[:, vote], vote)
            mean = self._mean(spread, vote)
            base += weight * (spread - mean)
            if not self.calibrated:  # calibrated votes are centred
                base += weight * (offset + mean)
            for number in range(2):
                unspread = self.stay[:, vote] * parts[:, vote, :, number].sum(axis=1)
                sources[:, number] += weight * (unspread - self._mean(unspread, vote))
        sources[:, 2] = contributions.sum(axis=1) - sources.sum(axis=1)
        for values in (contributions, base, sources):
            values[~self.counted.any(axis=1)] = np.nan
        return contributions, base, sources

    def adjoint(self, regions: np.ndarray, vote: int) -> np.ndarray:
        """Compute the weight of each spot's vote before propagation in the sums over regions (n, r), same shape."""
        usable, scale = self.counted[:, vote], self.divisor[:, vote] * self.stay[:, vote]
        weights = regions * self.weight[:, vote, None]
        weights -= usable[:, None] * weights.sum(axis=0) / max(1, usable.sum())  # centring
        # The diffusion is (I - share P)^-1 S with S the weights of own scores, and P a symmetric graph divided by D:
        # its transpose is S D (I - share P)^-1 D^-1.
        spread = [scale * self._spread(column / scale, vote) for column in weights.T]
        return np.column_stack(spread) if spread else weights
