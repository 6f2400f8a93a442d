"""Determine from the training sections which genes and which embedding a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import numpy as np

from .._checks import quote_names, warn
from .._schema import LENGTH
from .._settings import logger
from ..features import (
    EXPRESSION_TARGET_SUM,
    EmbeddingRecord,
    ExpressionContract,
    ImageContract,
    SectionArrays,
    is_gene_name,
    log_normalise,
    match_genes,
    select_genes,
    sum_counts,
)
from ..model import Recipe


def image_contract(sections: Sequence[SectionArrays], recipe: Recipe) -> ImageContract | None:
    """Describe the embedding that the sections share; None if no section has one.

    Raises
    ------
    ValueError
        If the embeddings of two sections differ in width, encoder, revision, weights or patch size.
    """
    with_image = [section for section in sections if section.image is not None]
    if not with_image:
        return None
    without_image = [section.name for section in sections if section.image is None]
    if without_image:
        key = with_image[0].embedding.key
        what = f"{key!r} in obsm" if key else "patch embedding"
        warn(f"No {what} for {quote_names(without_image)}: only their expression is used.")
    dim, record = with_image[0].image.shape[1], with_image[0].embedding
    for section in with_image[1:]:
        if section.image.shape[1] != dim:
            raise ValueError(_disagreement(section, record.key, "dim", dim, section.image.shape[1]))
        for name in record.differences(section.embedding):
            raise ValueError(
                _disagreement(section, record.key, name, getattr(record, name), getattr(section.embedding, name))
            )
        facts = {f.name: getattr(section.embedding, f.name) for f in fields(EmbeddingRecord)}
        record = EmbeddingRecord(**{**asdict(record), **{name: value for name, value in facts.items() if value}})
    named = {**asdict(record), "key": record.key or "image"}  # arrays need not say where they came from
    return ImageContract(**named, dim=int(dim), scaling=recipe.scaling)


def _disagreement(section: SectionArrays, key: str, name: str, one: object, other: object) -> str:
    return (
        f"The sections' embeddings {key!r} differ in {name}: {one!r} and {other!r} (section {section.name!r}). Extract "
        "all sections with the same settings."
    )


def expression_contract(
    sections: Sequence[SectionArrays], genes: Sequence[str] | None, n_top_genes: int, recipe: Recipe
) -> ExpressionContract | None:
    """Choose the genes that the network reads, without labels; None if no section has expression.

    They are ``genes``, or else the ``n_top_genes`` most variable of those that all sections share; a discriminant then
    has the others as substitutes.

    Raises
    ------
    ValueError
        If the sections have no gene in common, or lack one of ``genes``.
    """
    with_expression = [s for s in sections if s.genes is not None and s.counts is not None]
    if not with_expression:
        return None
    shared, any_panel = _shared_genes(with_expression), "expression" in recipe.discriminants
    shared = np.sort(shared) if any_panel else shared  # the order of the sections must not matter
    if genes is not None:
        absent = [gene for gene in genes if gene not in set(shared)]
        if absent:
            raise ValueError(f"{len(absent)} of the genes are not in every section: {quote_names(absent, 5)}.")
        chosen, others = np.asarray(list(dict.fromkeys(map(str, genes)))), shared[:0]
    else:
        logged = []
        for section in with_expression:
            columns = match_genes(shared, np.asarray(section.genes))
            logged.append(log_normalise(section.counts, columns, columns, EXPRESSION_TARGET_SUM))
        chosen, others = select_genes(logged, shared, n_top_genes, flavor=recipe.gene_selection)
    logger.info("%d genes of %d that all sections share", len(chosen), len(shared))
    # A discriminant scores any panel: the depth then is that of the genes it reads, of those a section has.
    depth = chosen if any_panel else shared
    return ExpressionContract(
        tuple(map(str, chosen)),
        tuple(map(str, depth)),
        scaling=recipe.scaling,
        known_genes=tuple(_known_genes(with_expression)),
        substitutes=tuple(map(str, others)) if any_panel else (),
    )


def _known_genes(sections: Sequence[SectionArrays]) -> dict[str, None]:
    """Find the genes that have counts in any section, in the order in which they occur."""
    known: dict[str, None] = {}
    for section in sections:
        _, totals = sum_counts(section.counts)
        known.update(dict.fromkeys(str(gene) for gene in np.asarray(section.genes)[totals > 0]))
    return {gene: None for gene in known if is_gene_name(gene)}


def _shared_genes(sections: Sequence[SectionArrays]) -> np.ndarray:
    """Find the genes that all sections have, in the order of the first."""
    first = sections[0]
    shared = np.asarray(first.genes)
    for section in sections[1:]:
        common = shared[np.isin(shared, np.asarray(section.genes))]
        if not len(common):
            raise ValueError(
                f"The sections have no gene in common: {first.name!r} has {quote_names(shared, 3)}, "
                f"{section.name!r} has {quote_names(np.asarray(section.genes), 3)}. Use the same kind of gene names."
            )
        shared = common
    usable = np.array([is_gene_name(gene) for gene in shared], dtype=bool)
    if not usable.all():
        warn(f"{int((~usable).sum())} genes have no name, or one of more than {LENGTH:,} characters, and are left out.")
    return shared[usable]
