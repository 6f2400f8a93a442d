"""Train a network through the stages of a recipe, with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from .._hardware import Hardware, fits, halved
from .._interrupt import keyboard_interrupt
from .._settings import settings
from ..features import NetworkInputs
from ..model import Recipe
from ..nn import NetworkConfig, SpaCRDNetwork
from ._data import make_loader
from ._lightning import pl
from ._stages import AlignmentStage, FusionStage, Stage

MIN_BATCH = 8
"""Smallest batch after halving for lack of memory; BatchNorm needs some spots."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's notices about devices and loaders."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*lightning.*|.*LeafSpec.*|.*isinstance.treespec.*")
            yield
    finally:
        log.setLevel(level)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch and use deterministic algorithms; restore the caller's state afterwards."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # slow, and no such memory is read
        try:
            yield
        finally:
            torch.utils.deterministic.fill_uninitialized_memory = fill
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


def _run_stage(
    stage: Stage, loader: Any, *, hardware: Hardware, callbacks: Sequence[pl.Callback], description: str
) -> list[dict[str, Any]]:
    if not stage.epochs or not len(loader):
        return []
    epochs = max(stage.epochs, -(-stage.recipe.min_steps // len(loader)))
    accelerator, _, number = hardware.device.partition(":")
    bar = [_progress_bar(description)] if settings.progress else []
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator={"cuda": "gpu"}.get(accelerator, accelerator),
        devices=[int(number)] if number else hardware.devices,
        strategy=_strategy(hardware),
        # Only on GPUs: on CPUs every process normalises its share of a batch.
        sync_batchnorm=hardware.devices > 1 and accelerator == "cuda",
        use_distributed_sampler=False,  # SpotDataset divides batches
        precision=hardware.precision,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=settings.progress,
        callbacks=[*callbacks, *bar],
    )
    with keyboard_interrupt():
        trainer.fit(stage, loader)
    return stage.history


def _strategy(hardware: Hardware) -> str:
    # DDP must know that each stage trains only some of the weights.
    automatic = hardware.devices > 1 and hardware.strategy == "auto"
    return "ddp_find_unused_parameters_true" if automatic else hardware.strategy


def _progress_bar(description: str) -> pl.Callback:
    from ._progress import EpochBar

    return EpochBar(description)


def train_network(
    config: NetworkConfig,
    inputs: NetworkInputs,
    recipe: Recipe,
    *,
    seed: int,
    hardware: Hardware,
    callbacks: Sequence[pl.Callback] = (),
    label: str = "",
) -> tuple[SpaCRDNetwork, list[dict[str, Any]]]:
    """Train one network from scratch.

    If the device runs out of memory, training restarts with half the batch and a warning. ``label`` is the first part
    of the text of the progress bars.

    Returns
    -------
    The trained network on the CPU in eval mode, and one dictionary of losses per epoch.
    """
    trained: list[tuple[SpaCRDNetwork, list[dict[str, Any]]]] = []

    def attempt() -> None:
        trained.append(_train(config, inputs, recipe, seed=seed, hardware=hardware, callbacks=callbacks, label=label))

    while not fits(attempt, recipe.batch_size // MIN_BATCH):
        recipe = replace(recipe, batch_size=halved(recipe.batch_size, hardware.device, "training starts again"))
    return trained[0]


def _train(
    config: NetworkConfig,
    inputs: NetworkInputs,
    recipe: Recipe,
    *,
    seed: int,
    hardware: Hardware,
    callbacks: Sequence[pl.Callback],
    label: str,
) -> tuple[SpaCRDNetwork, list[dict[str, Any]]]:
    """Train one network through both stages."""
    labelled = np.flatnonzero(~np.isnan(inputs.target))
    history: list[dict[str, Any]] = []
    run = partial(_run_stage, hardware=hardware, callbacks=callbacks)
    with seeded(seed), _quiet():
        network = SpaCRDNetwork(config)
        if recipe.alignment_epochs and len(network.modalities) == 2:
            paired = np.flatnonzero(inputs.features["expression"].valid & inputs.features["image"].valid)
            if len(paired) > 1:
                loader = make_loader(inputs, paired, batch_size=recipe.batch_size, seed=seed, neighbours=False)
                stage: Stage = AlignmentStage(network, recipe, recipe.alignment_epochs, seed)
                history += run(stage, loader, description=f"{label}align")
        loader = make_loader(inputs, labelled, batch_size=recipe.batch_size, seed=seed + 1, neighbours=True)
        stage = FusionStage(network, recipe, recipe.vae_epochs + recipe.fusion_epochs, seed)
        if recipe.balanced:
            share = float(inputs.target[labelled].mean())
            stage.class_weight = torch.tensor([0.5 / (1 - share), 0.5 / share])
        history += run(stage, loader, description=f"{label}fuse")
    return network.cpu().eval(), history
