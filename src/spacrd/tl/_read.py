"""Read sections of a container into the arrays that a model reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._checks import quote_names, warn
from .._sections import (
    Section,
    Selection,
    Stored,
    as_list,
    check_one_section,
    coordinates,
    counts,
    embedding,
    embedding_record,
    gene_names,
    recorded_embeddings,
    split_each,
    um_per_unit,
    warn_other_features,
)
from ..features import EmbeddingRecord, SectionArrays, blocks, check_counts
from ..model import SpaCRD
from ._labels import ClassLabels


def read_training(
    data: Any,
    labels: ClassLabels,
    *,
    modality: str | None,
    image_rep: str | None,
    genes: Sequence[str] | None,
    selection: Selection,
    scale: bool,
    unique_names: bool = False,
) -> list[tuple[Section, SectionArrays]]:
    """Read the sections to learn from, with their targets; with ``unique_names``, under names that differ.

    Raises
    ------
    ValueError
        If the labels do not have both classes, or an embedding was asked for and no section has it.
    """
    sections = [section for group in split_each(as_list(data), selection) for section in group]
    targets = [labels.target(section) for section in sections]
    labels.check(sections, targets)
    rep = None if modality == "expression" else choose_image_rep(sections, image_rep)
    names = [section.name for section in sections]
    if unique_names:
        names = make_unique(names)
    if modality != "image":
        warn_other_features(sections)
    request = ArrayRequest(
        expression=modality != "image",
        image_rep=rep,
        layer=selection.layer,
        scale=scale,
        genes=list(gene_names(sections[0].table)[0]) if genes is None and modality != "image" else genes,
    )
    arrays = [
        replace(read_section(section, request, name), target=target)
        for section, target, name in zip(sections, targets, names, strict=True)
    ]
    if modality != "expression" and all(section.image is None for section in arrays):
        _report_no_embedding(rep, modality)
    return list(zip(sections, arrays, strict=True))


def make_unique(names: Sequence[str]) -> list[str]:
    """Leave names that occur once; append the number of the section, counted from 1, to the others."""
    times = Counter(names)
    unique = [name if times[name] == 1 else f"{name}_{i}" for i, name in enumerate(names, start=1)]
    if len(set(unique)) < len(unique):
        raise ValueError(
            f"Sections share names: {quote_names(names)}. Give each its own, for example with `library_key`."
        )
    return unique


def _report_no_embedding(image_rep: str | None, modality: str | None) -> None:
    """Raise if an embedding was asked for; else warn that there is none."""
    where = "No section has a patch embedding" if image_rep is None else f"No section has {image_rep!r} in obsm"
    if modality == "image" or image_rep is not None:
        raise ValueError(f"{where}. Make one with `spacrd.pp.extract_patches`.")
    warn(
        f"{where}: the model is fitted on expression alone. For both, call `spacrd.pp.extract_patches` first; to say "
        "that this is wanted, pass modality='expression'."
    )


def choose_image_rep(sections: Sequence[Section], image_rep: str | None) -> str | None:
    """Choose the embedding: the argument, else the one that ``extract_patches`` recorded, else None."""
    if image_rep is not None:
        return image_rep
    recorded = sorted({key for section in sections for key in recorded_embeddings(section)})
    if len(recorded) > 1:
        raise ValueError(f"Several embeddings were extracted: {quote_names(recorded)}. Choose one with `image_rep`.")
    return recorded[0] if recorded else None


@dataclass(frozen=True)
class ArrayRequest:
    """What to read of a section.

    Attributes
    ----------
    expression
        Whether to read counts.
    image_rep
        Embedding to read; None for none.
    layer
        Layer of raw counts; ``.X`` if None.
    scale
        Whether to find the micrometres per unit, which only a largest distance needs.
    genes
        Gene names to match; they decide which column of ``var`` names the genes.
    load
        Whether to load what lies on disk.
    """

    expression: bool
    image_rep: str | None
    layer: str | None
    scale: bool
    genes: Sequence[str] | None = None
    load: bool = True


def read_section(section: Section, request: ArrayRequest, name: str | None = None) -> SectionArrays:
    """Read coordinates, checked counts and embedding of one section; a modality it lacks is None.

    Parameters
    ----------
    section
        The section.
    request
        What to read.
    name
        Name of the section in what comes of it; its own if None.
    """
    name = section.name if name is None else name
    matrix = genes = image = None
    if request.expression and section.table.n_vars:
        genes, source = gene_names(section.table, request.genes)
        if source is not None:
            warn(f"Section {name!r}: genes are matched by var[{source!r}], as var_names are of another kind.")
        matrix = check_counts(_loaded(counts(section, request.layer), request.load), name)
    xy = coordinates(section)
    check_one_section(section, xy)
    record, key = EmbeddingRecord(), request.image_rep
    if key is not None and key in section.table.obsm:
        image = _checked_embedding(_loaded(embedding(section, key), request.load), name, key)
        record = embedding_record(section, key)
    return SectionArrays(
        name=name,
        xy=xy,
        um_per_unit=um_per_unit(section) if request.scale else float("nan"),
        counts=matrix,
        genes=genes,
        image=image,
        target=np.full(len(section.rows), np.nan, dtype=np.float32),
        embedding=record,
    )


def read_for_model(section: Section, model: SpaCRD, layer: str | None, *, load: bool) -> SectionArrays:
    """Read what a model asks of a section."""
    config = model.config
    request = ArrayRequest(
        expression=config.expression is not None,
        image_rep=config.image.key if config.image else None,
        layer=layer,
        scale=config.max_distance_um is not None,
        genes=config.expression.genes if config.expression else None,
        load=load,
    )
    return read_section(section, request)


def _checked_embedding(image: Any, name: str, image_rep: str) -> Any:
    """Check an embedding; None if all its rows are missing."""
    any_row, n_zero, n = False, 0, image.shape[0]
    for rows in blocks(n):
        block = image[rows]
        if np.isinf(block).any():
            raise ValueError(f"Section {name!r}: obsm[{image_rep!r}] holds infinite values. Extract it again.")
        any_row = any_row or bool(np.isfinite(block).all(axis=1).any())
        n_zero += int((~block.any(axis=1)).sum())
    if n_zero:
        warn(
            f"Section {name!r}: obsm[{image_rep!r}] is zero throughout for {n_zero} of {n} spots, as where a part of a "
            "file is missing. Extract it again."
        )
    return image if any_row else None


def _loaded(matrix: Any, load: bool) -> Any:
    return matrix[:] if load and isinstance(matrix, Stored) else matrix
