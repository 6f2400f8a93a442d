"""Random training batches: sizes, recipes, modalities, few spots, features that tell nothing or too much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from spacrd.features import SCALINGS, Features, scale
from spacrd.features._neighbours import neighbourhoods
from spacrd.model import Recipe
from spacrd.model._infer import make_tokens
from spacrd.nn import NetworkConfig, SpaCRDNetwork
from spacrd.train._data import Batch
from spacrd.train._stages import AlignmentStage, FusionStage, Stage
from tests.making.recipes import RECIPES_OF_NETWORKS

KINDS = ("usual", "constant", "zero", "huge", "tiny", "sparse", "outlier", "twins", "far from zero")


@dataclass(frozen=True)
class Configuration:
    """One batch and the stage that trains on it."""

    text: str
    stage: Stage
    batch: Batch


def configuration(seed: int) -> Configuration:
    """Everything drawn from one seed."""
    rng = np.random.default_rng(seed)
    pick = lambda *choices: choices[rng.integers(len(choices))]  # noqa: E731
    widths = {"image": pick(0, 1, 6, 64), "expression": pick(0, 1, 5, 40, 300)}
    if not any(widths.values()):
        widths["expression"] = 5
    recipe = changed(RECIPES_OF_NETWORKS[pick("networks", "published")], pick)
    config = network_config(recipe, widths, pick)
    n, kind, scaling = pick(1, 2, 3, 7, 30), pick(*KINDS), pick(*SCALINGS)
    features = {name: made(kind, scaling, n, width, rng, pick) for name, width in widths.items() if width}
    target = {"both": np.arange(n) % 2, "cancer": np.ones(n), "other": np.zeros(n)}[
        pick("both", "both", "cancer", "other")
    ]
    torch.manual_seed(seed)
    network = SpaCRDNetwork(config)
    aligns = len(network.modalities) == 2 and n > 1 and pick(True, False)
    centres = np.arange(n) if n < 3 or pick(True, False) else rng.integers(n, size=pick(1, 2, n))
    if aligns:  # the loader gives at least two
        index, mask, stage = np.arange(n)[:, None], None, AlignmentStage(network, recipe, 1)
    else:
        xy = rng.uniform(size=(n, 2)) if pick(True, False) else np.zeros((n, 2))
        index, mask = (part[centres] for part in neighbourhoods(xy, pick(1, 3, 6)))
        stage = FusionStage(network, recipe, 1)
        if recipe.balanced and 0 < target.mean() < 1:
            stage.class_weight = torch.tensor([0.5 / (1 - target.mean()), 0.5 / target.mean()]).float()
    labels = torch.from_numpy(target[index[:, 0]].astype(np.float32))
    text = f"seed {seed}: {recipe.name}, {widths}, {n} spots, {kind}, {scaling}, {type(stage).__name__}, {config}"
    return Configuration(text, stage.train(), Batch(make_tokens(features, index, mask), labels, len(index)))


def changed(recipe: Recipe, pick: Any) -> Recipe:
    """A recipe with some settings that a user may choose otherwise."""
    return replace(
        recipe,
        vae_epochs=pick(0, 1),
        separation_bound=pick(None, 4.0),
        detach=pick(True, False),
        input_dropout=pick(0.0, 0.2, 0.8),
        balanced=pick(True, False),
        temperature=pick(0.01, 0.07, 1.0),
        lr=pick(1e-5, 1e-3, 1e-1),
    )


def network_config(recipe: Recipe, widths: dict[str, int], pick: Any) -> NetworkConfig:
    """The recipe's network, small, with some switches turned."""
    switches = {
        **recipe.network,
        "hidden": pick((8, 4), (1, 1), (64, 32)),
        "width": pick(4, 16),
        "heads": pick(1, 2, 4),
        "vae_hidden": pick((8, 4), (1, 1)),
        "latent": pick(1, 8),
        "head_hidden": pick(1, 8),
        "dropout": pick(0.0, 0.2, 0.9),
        "token_norm": pick("neighbour", "feature"),
        "missing_token": pick(True, False),
        "attention": pick(True, True, False),
        "variational": pick(True, True, False),
        "logvar_bound": pick(None, 8.0),
        "linear_votes": pick(True, False),
    }
    return NetworkConfig(n_genes=widths["expression"], n_image=widths["image"], **switches)


def made(kind: str, scaling: str, n: int, width: int, rng: np.random.Generator, pick: Any) -> Features:
    """Scaled features of some kind; not scaled, they are no larger than what counts and embeddings are."""
    values = rng.normal(size=(n, width))
    huge, tiny = (1e4, 1e-4) if scaling == "none" else (1e30, 1e-30)
    values = {
        "usual": values,
        "constant": np.ones_like(values) * rng.normal(size=width),
        "zero": np.zeros_like(values),
        "huge": values * huge,
        "tiny": values * tiny,
        "sparse": values * (rng.uniform(size=values.shape) < 0.1),
        "outlier": values + huge * (np.arange(n) == 0)[:, None],
        "twins": np.repeat(values[:1], n, axis=0) + 1e-7 * values,
        "far from zero": values + min(huge, 1e5),
    }[kind].astype(np.float32)
    valid = {"all": np.ones(n, bool), "some": rng.uniform(size=n) < 0.5, "none": np.zeros(n, bool)}
    return scale(values, scaling, valid[pick("all", "all", "some", "none")])
