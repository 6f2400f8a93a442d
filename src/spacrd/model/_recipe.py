"""Training recipes: named settings of one code path."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .._checks import check_bools, check_choice


@dataclass(frozen=True)
class Recipe:
    """Set what a fit does: scaling, discriminants, networks, losses and schedule.

    The defaults are those of the authors' program.

    Attributes
    ----------
    name
        Name of the recipe, for the model card.
    gene_selection
        Choose genes that vary in the ``"first"`` section (scanpy's ``seurat_v3``), or more than genes of the same mean
        in all sections (``"residual"``).
    scaling
        Scaling of each gene and each image feature within its section: ``"minmax"``, ``"quantile"`` (min-max
        of what lies between the 2nd and 98th percentile), ``"zscore"`` or ``"none"``.
    network
        Switches of :class:`spacrd.nn.NetworkConfig` that differ from the authors' sizes.
    discriminants
        Modalities that vote by a linear discriminant; the networks read the others.
    temperature, alpha
        Temperature of InfoNCE, and its weight of the direction image to expression (paper eqs. 3-6).
    beta, gamma
        Weight of the KL term in the VAE loss, and of the VAE loss in the total.
    separation, separation_bound
        Weight of the distance between the class means, and the largest distance that counts.
    detach
        Whether the target of the reconstruction gets no gradient.
    alignment_epochs, vae_epochs, fusion_epochs
        Epochs of the contrastive stage, of the VAE loss only, and of classifier and VAE together.
    min_steps
        Fewest optimiser steps of a stage; small data sets train for more epochs.
    batch_size, lr, weight_decay, schedule
        Settings of AdamW; the learning rate is ``"constant"`` or ``"onecycle"``.
    input_dropout
        Probability that a feature is set to zero in a training batch.
    balanced
        Whether both classes have the same weight in the classification loss.
    calibrated
        Whether likelihoods are calibrated on training sections that are held out in turn.
    propagation
        Share of a spot's score that comes from its neighbours' scores, 0 to below 1. None chooses the largest that
        ranks held-out training sections as well as any.
    members
        Networks trained from different seeds, whose logits are averaged; 0 without networks.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import spacrd
    >>> single = replace(spacrd.model.RECIPES["default"], name="single", propagation=0)
    >>> single.propagation
    0
    """

    name: str = "published"
    gene_selection: Literal["first", "residual"] = "first"
    scaling: Literal["minmax", "quantile", "zscore", "none"] = "minmax"
    network: dict[str, Any] = field(default_factory=dict)
    discriminants: tuple[Literal["image", "expression"], ...] = ()
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

    def __post_init__(self) -> None:
        check_bools(detach=self.detach, balanced=self.balanced, calibrated=self.calibrated)


RECIPES: dict[str, Recipe] = {
    "published": Recipe(),
    "default": Recipe(
        name="default",
        gene_selection="residual",
        scaling="quantile",
        discriminants=("image", "expression"),
        calibrated=True,
        propagation=None,
        members=0,
    ),
}


def get_recipe(recipe: str | Recipe, **changes: Any) -> Recipe:
    """Return a recipe, given itself or by name, with the ``changes`` that are not None."""
    if not isinstance(recipe, Recipe):
        recipe = RECIPES[check_choice(recipe, RECIPES, "recipe")]
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})
