"""What a new section must bring, read off the training sections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import quote_names, warn
from .._sections import Section
from .._settings import logger
from ..features import ExpressionContract, ImageContract, SectionArrays, log_normalise, match_genes, select_genes
from ..model import Recipe
from ..tl._read import image_facts

TARGET_SUM = 1e4
"""Counts a spot is normalised to."""


def image_contract(
    libraries: list[Section], sections: list[SectionArrays], rep: str | None, plan: Recipe, modality: str | None
) -> ImageContract | None:
    """What the embeddings of the sections are; None to fit without an image."""
    with_image = [section.image is not None for section in sections]
    if rep is None or not any(with_image):
        where = "No section has a patch embedding" if rep is None else f"No section has {rep!r} in obsm"
        if modality == "image" or rep is not None:
            raise ValueError(f"{where}. Make one with `spacrd.pp.extract_patches`.")
        if modality is None:
            warn(
                f"{where}: the model is fitted on expression alone. For both, call `spacrd.pp.extract_patches` first; "
                "to say that this is wanted, pass modality='expression'."
            )
        return None
    lacking = [section.name for section, has in zip(sections, with_image, strict=True) if not has]
    if lacking:
        warn(f"{quote_names(lacking)} have no {rep!r} in obsm and take part with expression alone.")
    facts = image_facts(libraries, rep)
    patch_um = facts.pop("patch_um", float("nan"))
    return ImageContract(
        key=rep, scaling=plan.scaling, patch_um=float(patch_um) if np.isfinite(patch_um) else None, **facts
    )


def expression_contract(
    sections: list[SectionArrays], genes: Sequence[str] | None, n_top_genes: int, plan: Recipe
) -> ExpressionContract | None:
    """Genes that all sections share, and those the network reads; chosen without labels."""
    with_genes = [(s.name, s.genes, s.counts) for s in sections if s.genes is not None and s.counts is not None]
    if not with_genes:
        return None
    first_name, shared, _ = with_genes[0]
    for name, own, _ in with_genes[1:]:
        kept = shared[np.isin(shared, own)]
        if not len(kept):
            raise ValueError(
                f"The sections have no gene in common: {first_name!r} has {quote_names(shared, 3)}, "
                f"{name!r} has {quote_names(own, 3)}. Use the same kind of gene names."
            )
        shared = kept
    if genes is not None:
        if isinstance(genes, str) or not len(genes):
            raise ValueError(f"genes must be a list of at least one gene name, got {genes!r}.")
        absent = [gene for gene in genes if gene not in set(shared)]
        if absent:
            raise ValueError(f"{len(absent)} of the genes are not in every section: {quote_names(absent, 5)}.")
        chosen = np.asarray(list(dict.fromkeys(map(str, genes))))
    else:
        logged = []
        for _, own, counts in with_genes:
            columns = match_genes(shared, own)
            logged.append(log_normalise(counts, columns, columns, TARGET_SUM))
        chosen = select_genes(logged, shared, n_top_genes, flavor=plan.gene_selection)
    logger.info("%d genes of %d that all sections share", len(chosen), len(shared))
    return ExpressionContract(tuple(map(str, chosen)), tuple(map(str, shared)), TARGET_SUM, plan.scaling)
