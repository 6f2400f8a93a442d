"""A small section as the network reads it, and small networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from spacrd._hardware import Hardware
from spacrd.features import NetworkInputs, scale
from spacrd.features._graph import neighbour_graph
from spacrd.features._neighbours import neighbourhoods, spatial_order
from spacrd.model._infer import score_each
from spacrd.model._recipe import get_recipe
from spacrd.nn import NetworkConfig, SpaCRDNetwork
from spacrd.train._run import train_network

from .recipes import RECIPES_OF_NETWORKS

SIZES = {"hidden": (32, 16), "width": 16, "heads": 2, "vae_hidden": (16, 8), "latent": 8, "head_hidden": 8}

CPU = Hardware()


def made(n: int = 150, seed: int = 0) -> NetworkInputs:
    """A section that is cancer on one side, which both modalities tell."""
    rng = np.random.default_rng(seed)
    xy = np.column_stack(np.divmod(np.arange(n), int(np.sqrt(n)))).astype(float)
    target = (xy[:, 0] > xy[:, 0].mean()).astype(np.float32)
    raw = {
        name: (rng.normal(size=(n, width)) + target[:, None]).astype(np.float32)
        for name, width in (("image", 6), ("expression", 20))
    }
    features = {name: scale(x, "zscore", np.ones(n, dtype=bool)) for name, x in raw.items()}
    graph = neighbour_graph(xy, 6, np.inf)
    return NetworkInputs(features, *neighbourhoods(xy, 6), target, spatial_order(xy), graph).load()


def train(
    name: str = "networks", *, hardware: Hardware = CPU, network: Any = None, callbacks: Any = (), **changes: Any
) -> tuple[SpaCRDNetwork, list[dict[str, Any]]]:
    """Train for a few epochs on :func:`made`."""
    recipe = get_recipe(
        RECIPES_OF_NETWORKS[name], members=1, **{"vae_epochs": 1, "fusion_epochs": 4, "min_steps": 0, **changes}
    )
    config = NetworkConfig(20, 6, **{**recipe.network, **SIZES, **(network or {})})
    return train_network(config, made(), recipe, seed=3, hardware=hardware, callbacks=callbacks)


def votes(network: SpaCRDNetwork, **options: Any) -> np.ndarray:
    """What a network says of a new section."""
    return score_each([network], made(seed=1), batch_size=64, device="cpu", **options)[0].votes
