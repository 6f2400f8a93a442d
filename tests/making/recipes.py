"""Recipes with small networks and short trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spacrd.model import RECIPES, Recipe

SMALL = {"hidden": (32, 16), "width": 16, "heads": 2, "vae_hidden": (16, 8), "latent": 8}
"""Sizes of a small network."""


def small_recipe(name: str = "default", **changes: Any) -> Recipe:
    """A named recipe with a small network, and ``changes``."""
    recipe = RECIPES[name]
    return replace(recipe, network={**recipe.network, **SMALL}, **changes)


SHORT = small_recipe(members=1, min_steps=0, calibrated=False, alignment_epochs=1, vae_epochs=1, fusion_epochs=2)
"""The shortest training that has every part but calibration."""
