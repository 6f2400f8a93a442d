"""Fit a model on sections given as arrays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import warn
from .._hardware import Hardware
from .._torch_mode import plain_torch
from ..features import SectionArrays, prepare, take_genes
from ..model import (
    NEGATIVE,
    PLATFORMS,
    SECTION_HASHES,
    SPOT_HASHES,
    ModelConfig,
    ModelParts,
    Reference,
    SectionProfile,
    SpaCRD,
    n_shared,
    profile_section,
    section_hash,
    sketch,
    spot_hashes,
)
from ._calibrate import calibrate, uncalibrated
from ._contracts import expression_contract, image_contract
from ._prevalence import fit_prevalence
from ._ridge import multiply_ridge
from ._settings import FitSettings
from ._substitutes import add_substitutes
from ._training_set import TrainingSet
from ._voters import Run, divide_modalities, fit_voters

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@plain_torch()
def fit_sections(
    sections: Sequence[SectionArrays],
    settings: FitSettings | None = None,
    *,
    hardware: Hardware | None = None,
    callbacks: Sequence[Callback] = (),
) -> SpaCRD:
    """Fit a model on sections given as arrays.

    Parameters
    ----------
    sections
        Training sections with their targets, and with expression, an image embedding, or both.
    settings
        Settings of the fit; the default recipe if None.
    hardware
        Device and precision; the CPU in float32 if None.
    callbacks
        Lightning callbacks, given to every stage.

    Returns
    -------
    The fitted model with its training history.

    Raises
    ------
    ValueError
        If there is no section, the sections have neither expression nor an embedding, no gene in common, or different
        embeddings, the labelled spots are of one class, or ``max_distance_um`` is set and a section has no scale.

    See Also
    --------
    spacrd.tl.fit : The same for AnnData and SpatialData.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> random = np.random.default_rng(0)
    >>> def section(name):
    ...     target = np.repeat([0.0, 1.0], 32)
    ...     return spacrd.features.SectionArrays(
    ...         name=name,
    ...         xy=np.stack(np.divmod(np.arange(64), 8), axis=1).astype(float),
    ...         um_per_unit=100.0,
    ...         counts=random.poisson(1 + 3 * target[:, None] * (np.arange(10) < 3)),
    ...         genes=np.array([f"gene{i}" for i in range(10)]),
    ...         image=None,
    ...         target=target,
    ...     )
    >>> settings = spacrd.train.FitSettings.resolve(n_neighbors=4)
    >>> model = spacrd.train.fit_sections([section("a"), section("b")], settings)
    >>> model.predict(section("c")).likelihood.shape
    (64,)
    """
    settings, hardware = settings or FitSettings.resolve(), hardware or Hardware()
    recipe = settings.recipe
    _check_target(sections)
    data = prepare_training(sections, settings)
    network, discriminants = divide_modalities(data, recipe)
    data = data.sampled(discriminants)
    config = ModelConfig(
        network=network,
        expression=data.expression,
        image=data.image,
        n_neighbors=settings.n_neighbors,
        max_distance_um=settings.max_distance_um,
        label_key=settings.label_key,
        positive=settings.positive,
        recipe=recipe.name,
        members=recipe.members if network else 0,
        discriminants=discriminants,
        seed=settings.seed,
        n_sections=len(sections),
    )
    config = ModelConfig.from_dict(config.to_dict())  # raises before the work if it could not be saved
    nearest = settings.n_neighbors, settings.max_distance_um
    run = Run(network, discriminants, recipe, 1000 * settings.seed, *nearest, hardware)
    voters, history = fit_voters(data, run, callbacks=callbacks)
    spots = data.labelled_spots() if recipe.calibrated else []
    calibrated = calibrate(data, run, spots) if recipe.calibrated else uncalibrated(run)
    voters = multiply_ridge(voters, run.discriminants, calibrated.ridge)
    voters = add_substitutes(voters, run.discriminants, replace(data, sections=tuple(sections)))  # with all genes
    prevalence = fit_prevalence(spots, *data.widths) if calibrated.calibration.n_sections else None
    profiles = [
        profile_section(section, inputs, expression=data.expression, use_image=data.image is not None, read=read)
        for section, inputs, read in zip(sections, data.inputs, data.sections, strict=True)
    ]
    hashes = [spot_hashes(section, data.expression, use_image=data.image is not None) for section in data.sections]
    _warn_of_duplicates(sections, profiles, hashes)
    labelled = [section.target[np.isfinite(section.target)] for section in sections]
    widths = config.widths
    images = [section.image for section in sections]
    reference = Reference.of(profiles, images, widths["expression"], widths["image"], config.n_known_genes)
    config = replace(
        config,
        propagation=calibrated.propagation,
        calibration=calibrated.calibration,
        presence=calibrated.presence,
        training_share=float(np.mean([target.mean() for target in labelled if len(target)])),
        training={
            **_training_facts(data, profiles),
            NEGATIVE: json.dumps(settings.negative, ensure_ascii=False)[1:-1],
            SPOT_HASHES: sketch(hashes),
        },
    )
    return SpaCRD(config, ModelParts(voters, reference, prevalence), history)


def prepare_training(sections: Sequence[SectionArrays], settings: FitSettings) -> TrainingSet:
    """Choose genes, and normalise and scale every section and find its neighbourhoods."""
    image = image_contract(sections, settings.recipe)
    threads = torch.get_num_threads()
    expression = expression_contract(sections, settings.genes, settings.n_top_genes, settings.recipe)
    torch.set_num_threads(threads)  # scanpy starts numba, which resets the threads, on which sums depend
    if image is None and expression is None:
        raise ValueError("The sections have neither genes nor an embedding: there is nothing to fit on.")
    own = None if expression is None else replace(expression, substitutes=())  # training sections lack no gene
    read = [take_genes(section, own) for section in sections]
    inputs = [
        prepare(
            section,
            expression=own,
            image=image,
            n_neighbors=settings.n_neighbors,
            max_distance_um=settings.max_distance_um,
        )
        for section in read
    ]
    return TrainingSet(tuple(read), tuple(inputs), expression, image)


def _check_target(sections: Sequence[SectionArrays]) -> None:
    if not sections:
        raise ValueError("There is no section to fit on: pass at least one.")
    target = np.concatenate([section.target for section in sections])
    counts = {name: int((target == value).sum()) for name, value in (("positive", 1), ("negative", 0))}
    for name, number in counts.items():
        if not number:
            raise ValueError(f"The sections have no {name} spot. Fitting needs labelled spots of both classes.")


def _warn_of_duplicates(
    sections: Sequence[SectionArrays], profiles: Sequence[SectionProfile], hashes: Sequence[np.ndarray]
) -> None:
    """Warn if a section was passed twice, or in parts that overlap, as calibration then does not hold it out."""
    first: dict[str, str] = {}
    for section, name in zip(sections, map(section_hash, profiles), strict=True):
        if name and name in first:
            warn(
                f"Sections {first[name]!r} and {section.name!r} are the same. What is calibrated on one was fitted on "
                "the other, so likelihoods will be too sure. Pass every section once."
            )
        first.setdefault(name, section.name)
    names = [section_hash(profile) or number for number, profile in enumerate(profiles)]
    for one, other in combinations(range(len(sections)), 2):
        if names[one] != names[other] and n_shared(hashes[one], hashes[other]):
            warn(
                f"Sections {sections[one].name!r} and {sections[other].name!r} share spots. What is "
                "calibrated on one was fitted on the other, so likelihoods will be too sure. Pass every spot once."
            )


def _training_facts(data: TrainingSet, profiles: Sequence[SectionProfile]) -> dict[str, Any]:
    """Describe the training for the model card."""
    target = np.concatenate([inputs.target for inputs in data.inputs])
    platforms = Counter(section.platform for section in data.sections)
    return {
        "sections": ", ".join(section.name for section in data.sections),
        PLATFORMS: ", ".join(f"{n} {name or 'unknown'}" for name, n in platforms.items()),
        "n_spots": len(target),
        "n_labelled": int(np.isfinite(target).sum()),
        "n_positive": int((target == 1).sum()),
        "spacrd_version": version("spacrd"),
        "torch_version": version("torch"),
        SECTION_HASHES: " ".join(filter(None, map(section_hash, profiles))),
    }
