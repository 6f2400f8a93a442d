"""Recipes with small networks and short trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spacrd.model import RECIPES, Recipe

SMALL = {"hidden": (32, 16), "width": 16, "heads": 2, "vae_hidden": (16, 8), "latent": 8}
"""Sizes of a small network."""


FAST = {
    "default": {"members": 2, "lr": 1e-2, "min_steps": 12},
    "published": {"lr": 1e-2, "batch_size": 64, "alignment_epochs": 2, "vae_epochs": 2, "fusion_epochs": 8},
}
"""Few large steps, which tell the sections of ``make_section`` apart as well as the many small ones of a recipe."""


def small_recipe(name: str = "default", **changes: Any) -> Recipe:
    """A named recipe with a small network and few steps, and ``changes``."""
    recipe = RECIPES[name]
    return replace(recipe, network={**recipe.network, **SMALL}, **{**FAST[name], **changes})


SHORT = small_recipe(members=1, min_steps=0, calibrated=False, alignment_epochs=1, vae_epochs=1, fusion_epochs=2)
"""The shortest training that has every part but calibration."""
