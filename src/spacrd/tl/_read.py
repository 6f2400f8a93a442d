"""Read sections of a container into arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import quote_names, warn
from .._keys import Keys
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
    place_with_scale,
    platform_of,
    recorded_embeddings,
    split_each,
    um_per_unit,
    warn_other_features,
)
from ..features import EmbeddingRecord, SectionArrays, blocks, check_counts
from ..model import SpaCRD
from ._labels import ClassLabels

if TYPE_CHECKING:
    from anndata import AnnData


OF_EXPRESSION = {"X_pca", "X_umap", "X_tsne", "X_diffmap", "X_pca_harmony", "X_scVI", Keys.latent()}
"""Slots of obsm that hold no embedding of patches."""


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
    """Read the training sections with their targets; with ``unique_names``, number sections of the same name.

    Raises
    ------
    ValueError
        If a class has no labels, or an embedding was asked for and no section has it.
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
        genes=gene_names(sections[0].table)[0].tolist() if genes is None and modality != "image" else genes,
    )
    platforms = [platform_of(section, place_with_scale(section)) for section in sections]
    arrays = [
        replace(read_section(section, request, name), target=target, platform=platform)
        for section, target, name, platform in zip(sections, targets, names, platforms, strict=True)
    ]
    if modality != "expression" and all(section.image is None for section in arrays):
        _report_no_embedding(sections, rep, modality)
    elif rep is not None and all(one.embedding.encoder == "" and one.embedding.patch_um is None for one in arrays):
        warn(
            f"obsm[{rep!r}] has no record of the encoder and patch size that made it, so the model cannot check that "
            "the embeddings of other sections were made in the same way."
        )
    return list(zip(sections, arrays, strict=True))


def make_unique(names: Sequence[str]) -> list[str]:
    """Append the number of the section, counted from 1, to names that occur more than once."""
    times = Counter(names)
    unique = [name if times[name] == 1 else f"{name}_{i}" for i, name in enumerate(names, start=1)]
    if len(set(unique)) < len(unique):
        raise ValueError(
            f"Sections share names: {quote_names(names)}. Give each its own, for example with `library_key`."
        )
    return unique


def _report_no_embedding(sections: Sequence[Section], image_rep: str | None, modality: str | None) -> None:
    """Raise if an embedding was asked for; else warn that there is none."""
    slots = [str(key) for section in sections for key in section.table.obsm if _may_be_embedding(section, str(key))]
    remedy = "call `spacrd.pp.extract_patches` first"
    if image_rep is not None:
        where = f"No section has {image_rep!r} in obsm"
    elif slots:
        names = quote_names(dict.fromkeys(slots))
        where = f"`spacrd.pp.extract_patches` recorded no embedding, but obsm has {names}"
        remedy = f"name the embedding, for example image_rep={slots[0]!r}"
    else:
        where = "No section has a patch embedding"
    if modality == "image" or image_rep is not None:
        raise ValueError(f"{where}. To use one, {remedy}.")
    warn(
        f"{where}: the model is fitted on expression alone. For both, {remedy}; to say that this is wanted, pass "
        "modality='expression'."
    )


def _may_be_embedding(section: Section, key: str) -> bool:
    """Tell whether a slot of obsm looks like an embedding of patches, and not like one of expression."""
    return key.startswith("X_") and key not in OF_EXPRESSION and len(np.shape(section.table.obsm[key])) == 2


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
    """Choose what to read of a section.

    Attributes
    ----------
    expression
        Whether to read counts.
    image_rep
        Embedding to read; None for none.
    layer
        Layer of raw counts; ``.X`` if None.
    scale
        Whether to find the micrometres per unit, which only ``max_distance`` needs.
    genes
        Gene names to match, which determine the column of ``var`` that names the genes.
    load
        Whether to load matrices on disk into memory.
    """

    expression: bool
    image_rep: str | None
    layer: str | None
    scale: bool
    genes: Sequence[str] | None = None
    load: bool = True


def read_section(section: Section, request: ArrayRequest, name: str | None = None) -> SectionArrays:
    """Read coordinates, checked counts and embedding of one section, under another ``name`` if given."""
    name = section.name if name is None else name
    matrix = genes = image = None
    if request.expression and section.table.n_vars:
        genes, source = gene_names(section.table, request.genes)
        if source is not None:
            warn(f"Section {name!r}: genes are matched by var[{source!r}], as var_names are of another kind.")
        matrix = check_counts(_loaded(counts(section, request.layer), request.load), name, _counts_hint(section.table))
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


def _counts_hint(table: AnnData) -> str:
    """Say where raw counts may be."""
    if layers := [name for name in table.layers if name is not None]:  # None is X since anndata 0.13
        return f"Pass raw counts with `layer`: the table has the layers {quote_names(layers)}."
    if table.raw is not None:
        return "Pass raw counts: if `.raw` holds them, pass `adata.raw.to_adata()`, with obsm and uns copied."
    return "Pass raw counts, for example with `layer='counts'`."


def read_for_model(section: Section, model: SpaCRD, layer: str | None, *, load: bool) -> SectionArrays:
    """Read what a model needs of a section."""
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
    """Check an embedding and return it; None if all its rows are missing."""
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
