"""What votes on the spots of a section: networks and discriminants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import identity

from ..features import NetworkInputs
from ..nn import SpaCRDNetwork
from ._discriminant import Discriminant
from ._infer import Scores, score_each


@dataclass(frozen=True)
class Voters:
    """Hold what votes on each spot.

    Attributes
    ----------
    networks
        Networks whose votes are averaged; none if every modality has a discriminant.
    discriminants
        Discriminant of each modality in ``names``.
    """

    networks: tuple[SpaCRDNetwork, ...]
    discriminants: tuple[Discriminant, ...] = ()


def score_voters(
    voters: Voters,
    inputs: NetworkInputs,
    names: Sequence[str],
    *,
    batch_size: int = 4096,
    device: str = "cpu",
    precision: str = "32-true",
    description: str = "",
) -> Scores:
    """Score every spot of one section, without propagation.

    ``names`` are the modalities of the discriminants. The mean votes of the networks come first. The latent code is
    that of the first network, and the projection of the neighbourhood on the factors of each discriminant.
    """
    of_networks = score_each(
        voters.networks, inputs, batch_size=batch_size, device=device, precision=precision, description=description
    )
    votes, counted, latent = [], [], []
    if of_networks:
        votes.append(np.mean([scores.votes for scores in of_networks], axis=0))
        counted.append(of_networks[0].counted)
        latent.append(of_networks[0].latent)
    for name, discriminant in zip(names, voters.discriminants, strict=True):
        features = inputs.features[name]
        vote, projected = discriminant.score_and_project(features)
        votes.append(vote[:, None])
        counted.append(features.valid[:, None])
        latent.append(_neighbourhood_mean(projected, features.valid, inputs))
    return Scores(np.hstack(votes), np.hstack(counted), np.hstack(latent))


def _neighbourhood_mean(values: np.ndarray, valid: np.ndarray, inputs: NetworkInputs) -> np.ndarray:
    """Average values (n, r) over each spot and its neighbours, weighed by the graph, (n, r) float32."""
    graph = identity(len(values), format="csr") + inputs.graph
    total = graph @ np.where(valid[:, None], values, 0.0)
    return (total / np.maximum(graph @ valid.astype(np.float64), 1.0)[:, None]).astype(np.float32)
