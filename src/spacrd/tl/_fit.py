"""Fit a model on annotated sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from .._checks import check_choice, check_positive_int, check_positive_number, warn
from .._hardware import Hardware
from .._sections import Selection, as_list, split_sections
from ..features import SCALINGS, ExpressionContract, ImageContract, NetworkInputs, SectionArrays, prepare
from ..model import Calibration, ModelConfig, Recipe, SpaCRD
from ..model._known import FACT, section_hash
from ..model._modules import further_network
from ..model._profile import SectionProfile
from ..model._recipe import get_recipe
from ..model._reference import Reference
from ..nn import NetworkConfig
from ..train._calibrate import calibrate
from ..train._contracts import expression_contract, image_contract
from ..train._prevalence import fit_level
from ._read import choose_image_rep, read_section, read_target
from ._targets import check_targets, read_classes

if TYPE_CHECKING:
    from anndata import AnnData
    from lightning.pytorch import Callback
    from spatialdata import SpatialData


def fit(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    label_key: str,
    *,
    positive: str | Sequence[str],
    negative: str | Sequence[str] | None = None,
    modality: Literal["image", "expression"] | None = None,
    image_rep: str | None = None,
    layer: str | None = None,
    library_key: str | None = None,
    table_key: str = "table",
    n_top_genes: int = 3000,
    genes: Sequence[str] | None = None,
    n_neighbors: int = 6,
    max_distance: float | None = None,
    scaling: Literal["minmax", "quantile", "zscore", "none"] | None = None,
    recipe: str | Recipe = "default",
    max_epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    members: int | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    devices: int = 1,
    strategy: str = "auto",
    callbacks: Sequence[Callback] = (),
) -> SpaCRD:
    """Fit a model on annotated sections. Nothing is written into the data.

    Parameters
    ----------
    data
        Sections: one object, or a list. An object may hold several (``library_key``, or regions of a SpatialData).
    label_key
        ``.obs`` column of annotated classes. Unlabelled spots (NaN) take part as neighbours and in the alignment of
        image and expression, never in a loss that reads labels.
    positive
        Class or classes that are cancer.
    negative
        Classes that are not cancer; every other class is then unlabelled. All others if None.
    modality
        ``"image"`` or ``"expression"`` to use one alone; by default what the sections have.
    image_rep
        Embedding in ``.obsm``; by default the one that :func:`spacrd.pp.extract_patches` made.
    layer
        Layer of raw counts; ``.X`` if None.
    library_key
        ``.obs`` column of section names.
    table_key
        Table of a SpatialData.
    n_top_genes
        Genes to keep, chosen by variability without labels among those all sections share.
    genes
        Genes to use instead.
    n_neighbors
        Neighbours beside the spot itself, within its section.
    max_distance
        Farthest neighbour in micrometres.
    scaling
        Scaling of every feature within its section; the recipe's if None.
    recipe
        ``"default"``, ``"published"`` (the authors' program) or a :class:`spacrd.model.Recipe`.
    max_epochs
        Epochs of each training stage, at most; the recipe's if None.
    batch_size
        Spots per step; the recipe's if None.
    lr
        Learning rate; the recipe's if None.
    members
        Networks to train and average; the recipe's if None.
    seed
        Of weights, batches, dropout and sampling. The same seed on a CPU gives the same weights bit by bit.
    device
        Torch device; the package setting if None.
    precision
        ``"bf16-mixed"`` for autocast to bfloat16: faster where the device has it, not the same weights.
    devices
        Devices of this machine to train on, one process each, every batch shared out among them.
    strategy
        Name of a Lightning strategy that says how the processes are launched.
    callbacks
        Lightning callbacks, given to every stage.

    Returns
    -------
    The fitted model with its data contract and training history.

    Raises
    ------
    TypeError, KeyError, ValueError
        If something is missing or cannot be what it is said to be.

    Examples
    --------
    >>> import spacrd
    >>> sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(2)]
    >>> for section in sections:
    ...     spacrd.pp.extract_patches(section)
    >>> cancer = ["invasive cancer", "cancer in situ"]
    >>> model = spacrd.tl.fit(sections, "pathologist", positive=cancer, members=1, max_epochs=2)
    >>> model.config.modalities
    ('image', 'expression')

    A real fit goes without ``members`` and ``max_epochs``: the recipe knows them.
    """
    positive = read_classes(positive, "positive")
    negative = None if negative is None else read_classes(negative, "negative")
    if modality is not None:
        check_choice(modality, ("image", "expression"), "modality")
    n_top_genes = check_positive_int(n_top_genes, "n_top_genes")
    n_neighbors = check_positive_int(n_neighbors, "n_neighbors")
    seed = check_positive_int(seed, "seed", minimum=0)
    if max_distance is not None:
        max_distance = check_positive_number(max_distance, "max_distance")
    hardware = Hardware.resolve(device, precision, devices, strategy)
    plan = _plan(recipe, scaling=scaling, batch_size=batch_size, lr=lr, members=members, max_epochs=max_epochs)
    libraries = [
        library
        for item in as_list(data)
        for library in split_sections(item, Selection(table_key=table_key, library_key=library_key))
    ]
    targets = [read_target(library, label_key, positive, negative) for library in libraries]
    check_targets(libraries, targets, label_key, positive, negative)
    rep = None if modality == "expression" else choose_image_rep(libraries, image_rep)
    sections = [
        read_section(
            library,
            expression=modality != "image",
            image_rep=rep,
            layer=layer,
            target=target,
            like=libraries[0].table.var_names if genes is None else genes,
            scale=max_distance is not None,
        )
        for library, target in zip(libraries, targets, strict=True)
    ]
    image = image_contract(libraries, sections, rep, plan, modality)
    threads = torch.get_num_threads()
    expression = expression_contract(sections, genes, n_top_genes, plan) if modality != "image" else None
    torch.set_num_threads(threads)  # numba, which scanpy starts, resets it, and sums depend on it
    if image is None and expression is None:
        raise ValueError("The sections have neither genes nor an embedding: there is nothing to fit on.")
    parts = [
        prepare(section, expression=expression, image=image, n_neighbors=n_neighbors, max_distance_um=max_distance)
        for section in sections
    ]
    arrays = NetworkInputs.stack(parts)
    network = _network(expression, image, plan)
    config = ModelConfig(
        network=network,
        expression=expression,
        image=image,
        n_neighbors=n_neighbors,
        max_distance_um=max_distance,
        label_key=label_key,
        positive=tuple(positive),
        recipe=plan.name,
        members=plan.members,
        seed=seed,
        n_sections=len(sections),
    )
    config = ModelConfig.from_dict(config.to_dict())  # what cannot be saved is refused before the work, not after it
    modules, history = _train(network, arrays, plan, seed, hardware, callbacks)
    calibration, propagation = Calibration(), plan.propagation or 0.0
    if plan.calibrated:
        calibration, propagation, left_out = calibrate(
            sections, parts, expression, image, network, plan, seed=seed, hardware=hardware
        )
        modules |= left_out
    if calibration.n_sections:
        modules["level"] = fit_level(sections, parts, expression, image)
    backgrounds = [
        SectionProfile(raw, expression, image is not None, part) for raw, part in zip(sections, parts, strict=True)
    ]
    _warn_twice(sections, backgrounds)
    reference = modules["reference"] = Reference(
        len(sections), len(expression.genes) if expression else 0, image.dim if image else 0
    )
    reference.set(backgrounds, [raw.image for raw in sections])
    config = replace(
        config,
        propagation=propagation,
        calibration=calibration,
        jackknife=sum(name.endswith(".level") for name in modules),
        training=_facts(sections, arrays.target, backgrounds),
    )
    return SpaCRD(config, modules, history)


def _plan(recipe: str | Recipe, *, max_epochs: int | None, **changes: Any) -> Recipe:
    for name in ("batch_size", "members"):
        if changes[name] is not None:
            changes[name] = check_positive_int(changes[name], name)
    if changes["scaling"] is not None:
        check_choice(changes["scaling"], SCALINGS, "scaling")
    if changes["lr"] is not None:
        changes["lr"] = check_positive_number(changes["lr"], "lr")
    plan = get_recipe(recipe, **changes)
    if max_epochs is None:
        return plan
    limit = check_positive_int(max_epochs, "max_epochs")
    # The fusion stage keeps its share of VAE-only epochs, so that the classifier always trains.
    fusion = plan.vae_epochs + plan.fusion_epochs
    kept = min(limit, fusion)
    vae = plan.vae_epochs * kept // fusion
    return get_recipe(
        plan, alignment_epochs=min(limit, plan.alignment_epochs), vae_epochs=vae, fusion_epochs=kept - vae, min_steps=0
    )


def _train(
    network: NetworkConfig, arrays: NetworkInputs, plan: Recipe, seed: int, hardware: Hardware, callbacks: Sequence[Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from ..train import train_network

    networks: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    for member in range(plan.members):
        label = f"{member + 1}/{plan.members} " if plan.members > 1 else ""
        # Far apart, so that neighbouring user seeds share no member.
        trained, losses = train_network(
            further_network(network) if member else network,
            arrays,
            plan,
            seed=seed * 1000 + member,
            hardware=hardware,
            callbacks=callbacks,
            label=label,
        )
        networks[str(member)] = trained
        history += [{"member": member, **entry} for entry in losses]
    return networks, history


def _network(expression: ExpressionContract | None, image: ImageContract | None, plan: Recipe) -> NetworkConfig:
    """Architecture for the modalities there are."""
    settings_of_network = dict(plan.network)
    if plan.attention_reads == "image":
        if image is not None:
            settings_of_network["reads"] = ("image",)
        else:
            settings_of_network["silent"] = True
    n_genes, n_image = len(expression.genes) if expression else 0, image.dim if image else 0
    return NetworkConfig(n_genes=n_genes, n_image=n_image, **settings_of_network)


def _warn_twice(sections: Sequence[SectionArrays], backgrounds: Sequence[SectionProfile]) -> None:
    """A section that is there twice is held out from itself in vain."""
    first: dict[str, str] = {}
    for section, name in zip(sections, map(section_hash, backgrounds), strict=True):
        if name and name in first:
            warn(
                f"Sections {first[name]!r} and {section.name!r} are the same. What is calibrated on one was fitted on "
                "the other, so likelihoods will be too sure. Pass every section once."
            )
        first.setdefault(name, section.name)


def _facts(sections: list[SectionArrays], target: np.ndarray, backgrounds: Sequence[SectionProfile]) -> dict[str, Any]:
    return {
        "sections": ", ".join(section.name for section in sections),
        "n_spots": len(target),
        "n_labelled": int(np.isfinite(target).sum()),
        "n_positive": int((target == 1).sum()),
        "spacrd_version": version("spacrd"),
        "torch_version": version("torch"),
        FACT: " ".join(filter(None, map(section_hash, backgrounds))),
    }
