"""Arrays to batches of neighbourhoods, and networks to scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from .._settings import settings
from ..nn import SpaCRDNetwork, Tokens
from ._prepare import SpotArrays
from ._propagate import propagate


@dataclass(frozen=True)
class Scores:
    """Scores of one section.

    Attributes
    ----------
    votes
        Mean over the networks, propagated, (n, h) float64; a silent attention has none.
    counted
        Which of them count, (n, h) bool.
    latent
        Latent mean of the first network, (n, latent) float32.
    """

    votes: np.ndarray
    counted: np.ndarray
    latent: np.ndarray


def make_tokens(arrays: SpotArrays, centres: np.ndarray, *, neighbours: bool = True) -> Tokens:
    """Neighbourhoods of ``centres`` over the distinct spots that occur in them."""
    index = arrays.neighbours[centres] if neighbours else centres[:, None]
    distinct, position = np.unique(index, return_inverse=True)
    mask = arrays.mask[centres] if neighbours else None
    return Tokens(
        inputs={name: torch.from_numpy(part.rows(distinct)) for name, part in arrays.features.items()},
        valid={name: torch.from_numpy(part.valid[distinct]) for name, part in arrays.features.items()},
        index=torch.from_numpy(position.reshape(index.shape)),
        mask=None if mask is None or mask.all() else torch.from_numpy(mask),
    )


def _blocks(n: int, size: int) -> list[np.ndarray]:
    return [np.arange(start, min(n, start + size)) for start in range(0, n, size)]


def _score_one(
    network: SpaCRDNetwork, arrays: SpotArrays, *, batch_size: int, device: torch.device, description: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, config = len(arrays.target), network.config
    reads = network.reads if config.fused else ()
    embedded = {name: torch.empty((n, config.width), device=device) for name in reads}
    terms = {name: torch.empty((n, 2), device=device) for name in network.modalities if config.linear_votes}
    there = {name: torch.from_numpy(arrays.features[name].valid).to(device) for name in network.modalities}
    n_votes = config.fused + len(terms)
    votes, counted = np.empty((n, n_votes), dtype=np.float64), np.empty((n, n_votes), dtype=bool)
    latent = np.empty((n, config.latent_width), dtype=np.float32)
    blocks = _blocks(n, batch_size)
    every = range(2 * len(blocks))
    # An empty description keeps quiet: inner work has no bar of its own.
    steps = (
        settings.track(every, total=len(every), description=description, unit="block") if description else iter(every)
    )
    for rows in blocks:  # every spot passes the encoders once
        for name in network.modalities:
            part = arrays.features[name]
            x = torch.from_numpy(part.rows(rows)).to(device)
            valid = there[name][rows]
            if name in embedded:
                embedded[name][rows] = network.encode(name, x, valid)
            if config.linear_votes:
                terms[name][rows] = network.linear_terms(name, x, valid)
        next(steps)
    for rows in blocks:
        index = torch.from_numpy(arrays.neighbours[rows]).to(device)
        mask = None if arrays.mask[rows].all() else torch.from_numpy(arrays.mask[rows]).to(device)
        tokens = {name: network.normalise(values[index], mask) for name, values in embedded.items()}
        linear = [network.linear_vote(name, values[index], mask) for name, values in terms.items()]
        seen = network.seen(there, index, mask)
        output = network.head(network.fuse_tokens(tokens, mask) if tokens else None, seen, linear)
        votes[rows], counted[rows] = output.votes.cpu().numpy(), output.counted.cpu().numpy()
        latent[rows] = output.mean.cpu().numpy()
        next(steps)
    next(steps, None)
    first = int(config.silent and config.fused)
    return votes[:, first:], counted[:, first:], latent


def score_arrays(
    networks: Sequence[SpaCRDNetwork],
    arrays: SpotArrays,
    *,
    batch_size: int,
    device: str,
    propagation: float = 0.0,
    description: str = "score",
    quiet: bool = False,
) -> Scores:
    """Score every spot of one section with every network, and propagate their votes; deterministic."""
    votes, latent = [], None
    where = torch.device(device)
    with torch.inference_mode():
        for number, network in enumerate(networks, start=1):
            network = network.to(where).eval()
            text = description if len(networks) == 1 else f"{description} {number}/{len(networks)}"
            vote, counted, mean = _score_one(
                network, arrays, batch_size=batch_size, device=where, description="" if quiet else text
            )
            network.cpu()
            votes.append(vote)
            latent = mean if latent is None else latent
    assert latent is not None
    counted &= np.any([part.valid for part in arrays.features.values()], axis=0)[:, None]
    return propagated(Scores(np.mean(votes, axis=0), counted, latent), arrays, propagation)


def propagated(scores: Scores, arrays: SpotArrays, share: float) -> Scores:
    """The same scores, each vote propagated over the spots where it counts."""
    votes = [
        propagate(vote, arrays.neighbours, arrays.mask, there, share)
        for vote, there in zip(scores.votes.T, scores.counted.T, strict=True)
    ]
    return replace(scores, votes=np.stack(votes, axis=1))
