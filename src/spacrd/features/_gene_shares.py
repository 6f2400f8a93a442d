"""Total counts per gene of a section, compared with the genes of the training sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._checks import quote_names
from .._schema import LENGTH
from ._blocks import blocks
from ._expression import match_genes
from ._scaling import Matrix

N_NAMED = 3
"""Genes of no training section that are named."""


@dataclass(frozen=True)
class GeneShares:
    """Hold how the counts of a section are shared out over genes.

    Attributes
    ----------
    shares, has_gene
        Share of each known gene in the counts of known genes, (n_known,) float64, and whether the section has it, bool;
        None if it has no such counts.
    unknown_counts
        Share of all counts in other genes; NaN without counts.
    unknown_genes
        Names of the highest of these.
    """

    shares: np.ndarray | None = None
    has_gene: np.ndarray | None = None
    unknown_counts: float = float("nan")
    unknown_genes: str = ""

    @classmethod
    def of(cls, totals: np.ndarray, genes: np.ndarray, known: Sequence[str]) -> GeneShares:
        """Compare total counts (n_genes,) of ``genes`` with those that training sections have."""
        columns = match_genes(known, genes)
        has_gene = columns >= 0
        shares = np.where(has_gene, totals[columns], 0.0)
        if not len(known) or not shares.sum() > 0:
            return cls()
        unknown = totals.copy()
        unknown[columns[has_gene]] = 0
        unknown[[number for number in np.flatnonzero(unknown) if not is_gene_name(str(genes[number]))]] = 0
        highest = np.argsort(-unknown, kind="stable")[:N_NAMED]
        return cls(
            shares / shares.sum(),
            has_gene,
            float(unknown.sum() / totals.sum()),
            quote_names(genes[highest[unknown[highest] > 0]]) if unknown.any() else "",
        )


def is_gene_name(name: str) -> bool:
    """Tell whether a name can be stored; genes with others are left out."""
    return len(name.strip()) > 0 and len(name) <= LENGTH


def sum_counts(counts: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Sum the counts of each spot (n,) and of each gene (n_genes,), in one pass."""
    depths, totals = [np.empty(0)], np.zeros(counts.shape[1])
    for rows in blocks(counts.shape[0]):
        block = counts[rows]
        depths.append(np.asarray(block.sum(axis=1), dtype=np.float64).ravel())
        totals += np.asarray(block.sum(axis=0), dtype=np.float64).ravel()
    return np.concatenate(depths), totals
