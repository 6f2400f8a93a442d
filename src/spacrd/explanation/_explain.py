"""What the logits of a section rest on: contributions of modalities, of genes, and of where the evidence lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._settings import settings
from ..features import Features, NetworkInputs, SectionArrays, prepare
from ..model import Scores, propagate, propagated, score_inputs
from ..nn import SpaCRDNetwork
from ._integrate import attention_parts

if TYPE_CHECKING:
    from ..model import SpaCRD

SOURCES = ("own", "neighbours", "propagation")


@dataclass(frozen=True)
class Explanation:
    """Contributions of one section, in units of the logit and relative to its mean spot.

    For every spot, ``contributions`` and ``base`` add up to the logit before it is moved to the expected share of
    cancer and bent (see :class:`spacrd.model.Calibration`); of a model that is not calibrated, to the logit. The three
    ``sources`` add up to the sum of ``contributions``.

    Attributes
    ----------
    modalities
        ``"image"`` and ``"expression"``, as far as the model reads them.
    contributions
        Of each modality, (n, len(modalities)) float64; NaN where a spot has no likelihood.
    base
        What no input adds, (n,) float64: what missing modalities and missing neighbours do to the attention's vote,
        and, of a model that is not calibrated, the logit of the mean spot.
    sources
        Evidence of the spot itself, of its neighbourhood, and what propagation brings, (n, 3) float64.
    genes
        Contribution of each gene of the model summed over the spots of each region, (n_genes, r) float64.
    error
        Largest gap, in logits, between a vote and the sum of its parts: the integration has finitely many steps.
    """

    modalities: tuple[str, ...]
    contributions: np.ndarray
    base: np.ndarray
    sources: np.ndarray
    genes: np.ndarray
    error: float


def attention_role(model: SpaCRD) -> str:
    """``"votes"``, ``"silent"``: the attention makes the latent code alone, or ``"none"``: there is none."""
    network = model.config.network
    return "none" if not network.fused else "silent" if network.silent else "votes"


def explain_section(
    model: SpaCRD,
    section: SectionArrays,
    regions: np.ndarray,
    *,
    n_steps: int,
    batch_size: int,
    device: str | None = None,
) -> Explanation:
    """Take the logits of one section apart.

    Linear votes are sums over their inputs already. The attention's vote is divided by integrated gradients. Averaging
    over networks, propagation, centring and calibration are linear, and every part goes through them by itself.

    Parameters
    ----------
    model
        Fitted model.
    section
        As in :meth:`SpaCRD.predict`; the target is not read.
    regions
        Which spots belong to each region, (n, r) bool.
    n_steps
        Points of the integral from the section's mean input to the spot's.
    batch_size
        Spots per block; changes speed and memory, not the result.
    device
        Torch device; the package setting if None.

    Returns
    -------
    The parts of every spot, and the sums over regions.

    Raises
    ------
    ValueError
        If the section has nothing the model can read.
    """
    c = model.config
    arrays = prepare(
        section, expression=c.expression, image=c.image, n_neighbors=c.n_neighbors, max_distance_um=c.max_distance_um
    ).load()
    if not any(part.valid.any() for part in arrays.features.values()):
        raise ValueError(f"Section {section.name!r} has none of what the model reads: {', '.join(c.modalities)}.")
    where = settings.resolve_device(device)
    scores = score_inputs(model.networks, arrays, batch_size=4096, device=where)
    chain = LinearPath(model, arrays, scores)
    linear = model.networks[0].modalities if c.network.linear_votes else ()
    means = {name: mean_input(part) for name, part in arrays.features.items()}
    n, names = len(arrays.target), model.networks[0].modalities
    # Parts of each vote before propagation: by modality, and whether from the spot itself or its neighbours.
    parts, bases = np.zeros((n, chain.n_votes, len(names), 2)), np.zeros((n, chain.n_votes))
    genes = np.zeros((c.network.n_genes, regions.shape[1]))
    first = chain.n_votes - len(linear)
    if first:
        found = attention_parts(
            model.networks,
            arrays,
            means,
            chain.adjoint(regions, 0),
            n_steps=n_steps,
            batch_size=batch_size,
            device=where,
            description=f"explain {section.name}",
        )
        for name, values in found.parts.items():
            parts[:, 0, names.index(name)] = values
        bases[:, 0], genes = found.base, genes + found.genes
    for vote, name in enumerate(linear, start=first):
        mine, bases[:, vote], by_feature = _linear_parts(
            model.networks, name, arrays, means[name], chain.adjoint(regions, vote)
        )
        parts[:, vote, names.index(name)] = mine
        if name == "expression":
            genes += by_feature
    gap = np.abs(scores.votes - bases - parts.sum(axis=(2, 3))) * chain.weight
    contributions, base, sources = chain.apply(parts, bases)
    return Explanation(
        modalities=tuple(names),
        contributions=contributions,
        base=base,
        sources=sources,
        genes=genes,
        error=float(gap.max(initial=0.0)),
    )


def mean_input(part: Features) -> np.ndarray:
    """Mean input of the spots of one section that have it, (width,) float64; 0 if none has."""
    if not part.valid.any():
        return np.zeros(part.width)
    return np.asarray(part.matrix[part.valid].mean(axis=0, dtype=np.float64)).ravel() + part.offset[0]


def _linear_parts(
    networks: Sequence[SpaCRDNetwork], name: str, arrays: NetworkInputs, mean: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of a linear vote.

    Of the spot and its neighbours, (n, 2); the vote at the mean input, (n,); and of each feature, summed over spots
    with ``weights`` (n, r), (width, r).
    """
    part, index = arrays.features[name], arrays.neighbours
    layers = [network.linear[name].weight.detach().cpu().numpy().ravel() for network in networks]
    slope = np.asarray(np.mean(layers, axis=0, dtype=np.float64))
    shift = part.offset[0] - mean
    term = np.where(part.valid, part.matrix @ slope + shift @ slope, 0.0)
    here = arrays.mask & part.valid[index]
    share = here / np.maximum(here.sum(axis=1, keepdims=True), 1)  # of each token in the neighbourhood mean
    spread = share * term[index]
    own = spread[:, 0]
    base = np.full(len(index), mean @ slope + np.mean([network.linear_bias[name].item() for network in networks]))
    # How much each spot's input counts in the weighted sum: features are then summed without a dense matrix.
    used = np.column_stack(
        [np.bincount(index.ravel(), (share * w[:, None]).ravel(), minlength=len(index)) for w in weights.T]
    )
    by_feature = slope[:, None] * (part.matrix.T @ used + shift[:, None] * used.sum(axis=0))
    return np.column_stack([own, spread.sum(axis=1) - own]), base, by_feature


class LinearPath:
    """The linear way of every vote to the logit: propagate, centre over the section, scale, average.

    Parameters
    ----------
    model
        Its settings are read.
    arrays
        Neighbourhoods.
    scores
        Its votes, and which of them count.
    """

    def __init__(self, model: SpaCRD, arrays: NetworkInputs, scores: Scores) -> None:
        calibration, counted = model.config.calibration, scores.counted
        self.calibrated = bool(calibration.n_sections)
        self.share = model.config.propagation
        self.arrays, self.counted, self.n_votes = arrays, counted, counted.shape[1]
        spread = propagated(scores, arrays, self.share)
        scale = calibration.slope * calibration.weights(spread.votes, counted) if self.calibrated else 1.0
        self.weight = counted * scale / np.maximum(counted.sum(axis=1, keepdims=True), 1)
        self.degree = np.column_stack([degree(arrays.neighbours, arrays.mask, usable) for usable in counted.T])

    def _spread(self, values: np.ndarray, vote: int) -> np.ndarray:
        usable = self.counted[:, vote]
        return propagate(np.where(usable, values, 0.0), self.arrays.neighbours, self.arrays.mask, usable, self.share)

    def _mean(self, values: np.ndarray, vote: int) -> float:
        usable = self.counted[:, vote]
        return float(values[usable].mean()) if usable.any() else 0.0

    def apply(self, parts: np.ndarray, bases: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Contributions (n, m), base (n,) and sources (n, 3) of parts (n, h, m, 2) and bases (n, h) of votes."""
        n, _, n_modalities, _ = parts.shape
        contributions, base, sources = np.zeros((n, n_modalities)), np.zeros(n), np.zeros((n, 3))
        for vote in range(self.n_votes):
            weight, offset = self.weight[:, vote], 0.0
            for number in range(n_modalities):
                through = self._spread(parts[:, vote, number].sum(axis=1), vote)
                mean = self._mean(through, vote)
                contributions[:, number] += weight * (through - mean)
                offset += mean
            through = self._spread(bases[:, vote], vote)
            mean = self._mean(through, vote)
            base += weight * (through - mean)
            if not self.calibrated:  # calibrated votes are centred, and their mean is lost
                base += weight * (offset + mean)
            # A walk of the diffusion stops where it starts with this probability: evidence that needs no other spot.
            stay = np.where(self.degree[:, vote] > 0, 1.0 - self.share, 1.0)
            for number in range(2):
                fresh = stay * parts[:, vote, :, number].sum(axis=1)
                sources[:, number] += weight * (fresh - self._mean(fresh, vote))
        sources[:, 2] = contributions.sum(axis=1) - sources.sum(axis=1)
        blind = ~self.counted.any(axis=1)
        for values in (contributions, base, sources):
            values[blind] = np.nan
        return contributions, base, sources

    def adjoint(self, regions: np.ndarray, vote: int) -> np.ndarray:
        """How much a vote of each spot before propagation adds to the sums over regions (n, r), of the same shape."""
        usable, near = self.counted[:, vote], np.maximum(self.degree[:, vote], 1)
        weights = regions * self.weight[:, vote, None]
        weights -= usable[:, None] * weights.sum(axis=0) / max(1, usable.sum())  # centring
        # The diffusion P averages over neighbours of an undirected graph with degrees D: its transpose is D P D^-1.
        spread = [near * self._spread(column / near, vote) for column in weights.T]
        return np.column_stack(spread) if spread else weights


def degree(neighbours: np.ndarray, mask: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Neighbours of each spot in the graph that :func:`propagate` walks on, (n,)."""
    n, near = len(neighbours), neighbours[:, 1:]
    edge = mask[:, 1:] & usable[near] & usable[:, None]
    one, other = np.nonzero(edge)[0], near[edge]
    pairs = np.unique(np.concatenate([one * n + other, other * n + one]))
    return np.bincount(pairs // n, minlength=n)
