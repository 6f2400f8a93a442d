"""Named training recipes: settings of one code path."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .._checks import check_choice


@dataclass(frozen=True)
class Recipe:
    """Everything a fit can choose. The defaults are the authors' program.

    Attributes
    ----------
    name
        Name of the recipe this one started from.
    gene_selection
        Variable genes of the ``"first"`` section, or those variable within most sections (``"batch"``).
    scaling
        Scaling of each gene and each image feature within its section: ``"minmax"``, ``"quantile"`` (min-max
        of what lies between the 2nd and 98th percentile), ``"zscore"`` or ``"none"``.
    network
        Switches of :class:`spacrd.nn.NetworkConfig` that differ from the authors' sizes.
    attention_reads
        ``"all"`` modalities, or the ``"image"`` alone: expression then has its linear vote, and a model without
        images has an attention that makes the latent code and has no vote.
    temperature, alpha
        InfoNCE (paper eqs. 3-6).
    beta, gamma
        Weight of the KL term within the VAE loss, and of the VAE loss beside the classifier's.
    separation, separation_bound
        Weight of the distance between the class means, and the distance beyond which it no longer counts.
    detach
        Whether the reconstruction target is cut off from the gradient.
    alignment_epochs, vae_epochs, fusion_epochs
        Epochs of the contrastive stage, of the VAE loss alone, and of classifier and VAE together.
    min_steps
        Optimiser steps each stage takes at least, by further epochs: few spots make few steps.
    batch_size, lr, weight_decay, schedule
        Optimiser: Adam with decoupled weight decay; ``"constant"`` or ``"onecycle"`` learning rate.
    input_dropout
        Probability that a feature is hidden from the network in one training batch.
    balanced
        Let both classes weigh the same in the classification loss, however many spots they have.
    calibrated
        Whether training sections are held out in turn to learn how logits become probabilities.
    propagation
        Share of a spot's score that comes from its neighbours' scores, 0 to below 1. None: the largest with which
        held-out training sections are ranked as well as with any, 0 without calibration.
    members
        Networks trained from different seeds, whose logits are averaged.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import spacrd
    >>> single = replace(spacrd.model.RECIPES["default"], name="single", propagation=0)
    >>> single.propagation
    0
    """

    name: str = "published"
    gene_selection: Literal["first", "batch"] = "first"
    scaling: Literal["minmax", "quantile", "zscore", "none"] = "minmax"
    network: dict[str, Any] = field(default_factory=dict)
    attention_reads: Literal["all", "image"] = "all"
    temperature: float = 0.07
    alpha: float = 0.5
    beta: float = 0.5
    gamma: float = 0.1
    separation: float = 0.1
    separation_bound: float | None = None
    detach: bool = False
    alignment_epochs: int = 100
    vae_epochs: int = 50
    fusion_epochs: int = 50
    min_steps: int = 0
    batch_size: int = 512
    lr: float = 1e-5
    weight_decay: float = 0.0
    schedule: Literal["constant", "onecycle"] = "constant"
    input_dropout: float = 0.0
    balanced: bool = False
    calibrated: bool = False
    propagation: float | None = 0.0
    members: int = 1


RECIPES: dict[str, Recipe] = {
    "published": Recipe(),
    "default": Recipe(
        name="default",
        gene_selection="batch",
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
        attention_reads="image",
        detach=True,
        separation_bound=4.0,
        lr=1e-3,
        weight_decay=1e-2,
        schedule="onecycle",
        batch_size=256,
        alignment_epochs=0,
        vae_epochs=0,
        fusion_epochs=8,
        min_steps=45,
        input_dropout=0.2,
        balanced=True,
        calibrated=True,
        propagation=None,
        members=3,
    ),
}


def get_recipe(recipe: str | Recipe, **changes: Any) -> Recipe:
    """Recipe by name, or one of the user's own, with ``changes`` that are not None."""
    if not isinstance(recipe, Recipe):
        recipe = RECIPES[check_choice(recipe, RECIPES, "recipe")]
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})
