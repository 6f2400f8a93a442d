"""Recipes with small networks and short trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spacrd.model import RECIPES, Recipe

SMALL = {"hidden": (32, 16), "width": 16, "heads": 2, "vae_hidden": (16, 8), "latent": 8}
"""Sizes of a small network."""


NETWORKS = Recipe(
    name="networks",
    gene_selection="residual",
    scaling="quantile",
    network={
        "hidden": (256, 128),
        "width": 128,
        "vae_hidden": (128, 64),
        "token_norm": "feature",
        "missing_token": True,
        "linear_votes": True,
        "logvar_bound": 8.0,
    },
    detach=True,
    separation_bound=4.0,
    weight_decay=1e-2,
    schedule="onecycle",
    batch_size=256,
    alignment_epochs=0,
    vae_epochs=0,
    fusion_epochs=8,
    input_dropout=0.2,
    balanced=True,
    calibrated=True,
    propagation=0.8,
)
"""Networks with every switch that the published recipe leaves off, calibrated."""

RECIPES_OF_NETWORKS = {"networks": NETWORKS, "published": RECIPES["published"]}

FAST = {
    "networks": {"members": 2, "lr": 1e-2, "min_steps": 12},
    "published": {"lr": 1e-2, "batch_size": 64, "alignment_epochs": 2, "vae_epochs": 2, "fusion_epochs": 8},
}
"""Few large steps, which tell the sections of ``make_section`` apart as well as the many small ones of a recipe."""


def small_recipe(name: str = "networks", **changes: Any) -> Recipe:
    """A recipe of networks, with small ones and few steps, and ``changes``."""
    recipe = RECIPES_OF_NETWORKS[name]
    return replace(recipe, network={**recipe.network, **SMALL}, **{**FAST[name], **changes})


SHORT = small_recipe(members=1, min_steps=0, calibrated=False, alignment_epochs=1, vae_epochs=1, fusion_epochs=2)
"""The shortest training that has every part but calibration."""
