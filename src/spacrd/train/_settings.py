"""Settings of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._checks import check_choice, check_positive_int, check_positive_number
from .._settings import logger
from ..features import SCALINGS
from ..model import RECIPES, Recipe, get_recipe


@dataclass(frozen=True)
class FitSettings:
    """Hold the checked settings of a fit; make them with :meth:`resolve`.

    Attributes
    ----------
    recipe
        Network, losses, schedule and scaling.
    n_top_genes
        Number of genes to choose by variability, without labels.
    genes
        Genes to use instead; None to choose.
    n_neighbors
        Neighbours beside the spot itself.
    max_distance_um
        Farthest neighbour in micrometres; None for no limit.
    seed
        Seed of weights, batches, dropout and sampling.
    label_key, positive
        Name of the label column and of its classes that are cancer, for the model card.
    negative
        Classes that are not cancer, for the model card and :func:`spacrd.tl.adapt`.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.train.FitSettings.resolve(recipe="published", lr=1e-4).recipe.lr
    0.0001
    """

    recipe: Recipe = field(default_factory=lambda: RECIPES["default"])
    n_top_genes: int = 3000
    genes: tuple[str, ...] | None = None
    n_neighbors: int = 6
    max_distance_um: float | None = None
    seed: int = 0
    label_key: str = "target"
    positive: tuple[str, ...] = ("1",)
    negative: tuple[str, ...] = ()

    @classmethod
    def resolve(
        cls,
        *,
        recipe: str | Recipe = "default",
        n_top_genes: int = 3000,
        genes: Sequence[str] | None = None,
        n_neighbors: int = 6,
        max_distance: float | None = None,
        scaling: str | None = None,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        members: int | None = None,
        seed: int = 0,
        label_key: str = "target",
        positive: Sequence[str] = ("1",),
    ) -> FitSettings:
        """Check the arguments of a call, as :func:`spacrd.tl.fit` describes them.

        Raises
        ------
        TypeError
            If an argument is of the wrong type.
        ValueError
            If an argument is out of bounds or not one of the choices.
        """
        if genes is not None and (isinstance(genes, str) or not len(genes)):
            raise ValueError(f"genes must be a list of at least one gene name, got {genes!r}.")
        return cls(
            recipe=_resolve_recipe(recipe, max_epochs, scaling=scaling, batch_size=batch_size, lr=lr, members=members),
            n_top_genes=check_positive_int(n_top_genes, "n_top_genes"),
            genes=None if genes is None else tuple(map(str, genes)),
            n_neighbors=check_positive_int(n_neighbors, "n_neighbors"),
            max_distance_um=None if max_distance is None else check_positive_number(max_distance, "max_distance"),
            seed=check_positive_int(seed, "seed", minimum=0),
            label_key=label_key,
            positive=tuple(positive),
        )


def _resolve_recipe(recipe: str | Recipe, max_epochs: int | None, **changes: Any) -> Recipe:
    for name in ("batch_size", "members"):
        if changes[name] is not None:
            changes[name] = check_positive_int(changes[name], name)
    if changes["scaling"] is not None:
        check_choice(changes["scaling"], SCALINGS, "scaling")
    if changes["lr"] is not None:
        changes["lr"] = check_positive_number(changes["lr"], "lr")
    if max_epochs is not None:
        max_epochs = check_positive_int(max_epochs, "max_epochs")
    resolved = get_recipe(recipe)
    given = [n for n, v in {"max_epochs": max_epochs, **changes}.items() if v is not None and n != "scaling"]
    if given and not resolved.members:
        logger.info("recipe %r has no networks: %s has no effect", resolved.name, ", ".join(given))
        return get_recipe(resolved, scaling=changes["scaling"])
    resolved = get_recipe(resolved, **changes)
    if max_epochs is None:
        return resolved
    # The share of epochs with the VAE loss only stays the same, so that the classifier always trains.
    fusion = resolved.vae_epochs + resolved.fusion_epochs
    n_epochs = min(max_epochs, fusion)
    vae = resolved.vae_epochs * n_epochs // fusion
    alignment = min(max_epochs, resolved.alignment_epochs)
    return get_recipe(resolved, alignment_epochs=alignment, vae_epochs=vae, fusion_epochs=n_epochs - vae, min_steps=0)
