"""Containers to the arrays a model reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._checks import quote_names, warn
from .._sections import (
    Section,
    Stored,
    coordinates,
    counts,
    differing,
    embedding,
    embedding_record,
    gene_names,
    labels,
    recorded_embeddings,
    um_per_unit,
)
from ..features import SectionArrays, blocks, check_counts


def choose_image_rep(libraries: Sequence[Section], image_rep: str | None) -> str | None:
    """Embedding to use: the argument, else the one that ``extract_patches`` recorded, else None."""
    if image_rep is not None:
        return image_rep
    found = sorted({key for library in libraries for key in recorded_embeddings(library)})
    if len(found) > 1:
        raise ValueError(f"Several embeddings were extracted: {quote_names(found)}. Choose one with `image_rep`.")
    return found[0] if found else None


def read_target(
    library: Section, label_key: str, positive: Sequence[str], negative: Sequence[str] | None
) -> np.ndarray:
    """1 for ``positive`` classes, 0 for the others (or for ``negative`` ones only), NaN for unlabelled spots."""
    values = labels(library, label_key)
    text = values.where(values.isna(), values.astype(str))
    target = np.where(text.isin(list(positive)), 1.0, 0.0).astype(np.float32)
    unknown = text.isna() if negative is None else ~(text.isin(list(positive)) | text.isin(list(negative)))
    target[unknown.to_numpy()] = np.nan
    return target


def read_section(
    library: Section,
    *,
    expression: bool,
    image_rep: str | None,
    layer: str | None,
    scale: bool,
    target: np.ndarray | None = None,
    like: Iterable[str] | None = None,
    load: bool = True,
) -> SectionArrays:
    """Coordinates, checked counts and embedding of one section; a modality it lacks is None.

    ``scale`` asks for micrometres per unit too, which only a largest distance needs. Without ``load``, what lies on
    disk stays there. ``like`` are the gene names to go by.
    """
    n = len(library.rows)
    matrix = genes = image = None
    if expression and library.table.n_vars:
        genes, source = gene_names(library.table, like)
        if source is not None:
            warn(f"Section {library.name!r}: genes are matched by var[{source!r}], as var_names are of another kind.")
        matrix = check_counts(_loaded(counts(library, layer), load), library.name)
    if image_rep is not None and image_rep in library.table.obsm:
        image = _loaded(embedding(library, image_rep), load)
        seen, zeros = False, 0
        for rows in blocks(n):
            block = image[rows]
            if np.isinf(block).any():
                raise ValueError(
                    f"Section {library.name!r}: obsm[{image_rep!r}] holds infinite values. Extract it again."
                )
            seen = seen or bool(np.isfinite(block).all(axis=1).any())
            zeros += int((~block.any(axis=1)).sum())
        if zeros:
            warn(
                f"Section {library.name!r}: obsm[{image_rep!r}] is zero throughout for {zeros} of {n} spots, as where "
                "a part of a file is missing. Extract it again."
            )
        image = image if seen else None
    return SectionArrays(
        name=library.name,
        xy=coordinates(library),
        um_per_unit=um_per_unit(library) if scale else float("nan"),
        counts=matrix,
        genes=genes,
        image=image,
        target=np.full(n, np.nan, dtype=np.float32) if target is None else target,
    )


def _loaded(matrix: Any, load: bool) -> Any:
    return matrix[:] if load and isinstance(matrix, Stored) else matrix


def image_facts(libraries: Sequence[Section], image_rep: str) -> dict[str, Any]:
    """What ``extract_patches`` recorded about an embedding; the sections must agree."""
    facts: dict[str, Any] = {}
    for library in libraries:
        if image_rep not in library.table.obsm:
            continue
        record = embedding_record(library, image_rep)
        record["dim"] = int(np.shape(library.table.obsm[image_rep])[1])
        for name in differing(facts, record):
            raise ValueError(
                f"The sections' embeddings {image_rep!r} differ in {name}: {facts[name]!r} and {record[name]!r} "
                f"(section {library.name!r}). Extract all sections with the same settings."
            )
        facts |= record
    return facts
