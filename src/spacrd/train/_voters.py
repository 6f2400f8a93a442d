"""Fit what votes: networks and discriminants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._hardware import Hardware
from ..features import NetworkInputs
from ..model import Recipe, Voters
from ..nn import NetworkConfig, SpaCRDNetwork
from ._discriminant import fit_discriminant
from ._training_set import TrainingSet

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@dataclass(frozen=True)
class Run:
    """Hold what is the same for a fit and for its fits without some of the sections.

    Attributes
    ----------
    network
        Architecture of the networks; None without networks.
    discriminants
        Modalities that have a discriminant.
    recipe, n_neighbors, max_distance_um, hardware
        As for :func:`spacrd.train.fit_sections`.
    seed
        Seed of the first network; a thousand times that of the fit.
    """

    network: NetworkConfig | None
    discriminants: tuple[Any, ...]
    recipe: Recipe
    seed: int
    n_neighbors: int
    max_distance_um: float | None
    hardware: Hardware

    def without(self, number: int) -> Run:
        """Make the run of the fit without the sections of group ``number``: a single network of another seed."""
        return replace(self, recipe=replace(self.recipe, members=1), seed=self.seed + 501 + number)


def divide_modalities(data: TrainingSet, recipe: Recipe) -> tuple[NetworkConfig | None, tuple[Any, ...]]:
    """Decide which modalities of the training sections the networks read, and which have a discriminant."""
    n_genes, n_image = data.widths
    widths = {"image": n_image, "expression": n_genes}
    discriminants = tuple(name for name in recipe.discriminants if widths[name])
    n_image, n_genes = (0 if name in discriminants else width for name, width in widths.items())
    network = NetworkConfig(n_genes=n_genes, n_image=n_image, **recipe.network) if n_image or n_genes else None
    return network, discriminants


def fit_voters(
    data: TrainingSet, run: Run, *, callbacks: Sequence[Callback] = (), label: str = ""
) -> tuple[Voters, list[dict[str, Any]]]:
    """Train the networks and fit the discriminants; return them with one dictionary of losses per epoch."""
    networks: list[SpaCRDNetwork] = []
    history: list[dict[str, Any]] = []
    if run.network is not None:
        from ._run import train_network

        stacked = NetworkInputs.stack([inputs.only(run.network.modalities) for inputs in data.inputs])
        members = run.recipe.members
        for member in range(members):
            trained, losses = train_network(
                run.network,
                stacked,
                run.recipe,
                seed=run.seed + member,  # seeds of runs lie far apart
                hardware=run.hardware,
                callbacks=callbacks,
                label=label or (f"{member + 1}/{members} " if members > 1 else ""),
            )
            networks.append(trained)
            history += [{"member": member, **entry} for entry in losses]
    discriminants = tuple(fit_discriminant(data.samples[name], name) for name in run.discriminants)
    return Voters(tuple(networks), discriminants), history
