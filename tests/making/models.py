"""Small models: recipes, fitted models, and one of random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

import spacrd
from spacrd.features import ExpressionContract, ImageContract
from spacrd.model import RECIPES, Calibration, ModelConfig, Recipe, SpaCRD
from spacrd.model._modules import build_modules
from spacrd.nn import NetworkConfig

from .arrays import GENES, N_IMAGE
from .sections import LABEL, POSITIVE, make_section

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


def fit(sections: Any, **arguments: Any) -> SpaCRD:
    """Fit on the labels of :func:`make_section`, with a small network."""
    arguments = {"positive": POSITIVE, "recipe": small_recipe(), **arguments}
    return spacrd.tl.fit(sections, LABEL, **arguments)


def fit_two(**arguments: Any) -> SpaCRD:
    """Fit on two small sections, ``make_section(1)`` and ``make_section(2)``."""
    return fit([make_section(1), make_section(2)], **arguments)


def random_model() -> SpaCRD:
    """Two networks of random weights, which take the section of ``random_arrays``."""
    torch.manual_seed(0)
    network = NetworkConfig(
        len(GENES), N_IMAGE, hidden=(16, 8), width=8, heads=2, vae_hidden=(8, 8), latent=4, missing_token=True
    )
    config = ModelConfig(
        network=network,
        expression=ExpressionContract(GENES, GENES),
        image=ImageContract("X_mine", N_IMAGE, "mine", patch_um=55.0),
        n_neighbors=6,
        max_distance_um=None,
        label_key="pathologist",
        positive=("cancer",),
        recipe="default",
        members=2,
        seed=0,
        propagation=0.8,
        calibration=Calibration(slope=2.0, scales=(1.0,), n_sections=3),
        jackknife=3,
        n_sections=3,
        training={"n_spots": 3},
    )
    modules = build_modules(config)
    for module in modules.values():
        for tensor in module.buffers():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)  # no buffer is left at its start, which loading could hide
    return SpaCRD(config, modules, [{"stage": "fusion", "epoch": 0, "total": 1.0}])
