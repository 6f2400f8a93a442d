"""Composition of neighbourhoods by gene, on a scale that all sections share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._blocks import block_sizes, blocks
from ._contract import ExpressionContract
from ._expression import match_genes, pick_columns
from ._scaling import on_disk
from ._section import SectionArrays

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURHOOD_TARGET_SUM = 1e3
"""Counts a neighbourhood is normalised to before log1p: few, so that shallow and deep sections are alike."""


def take_genes(section: SectionArrays, expression: ExpressionContract | None) -> SectionArrays:
    """Take the genes of a section that a model reads, once for all that reads them.

    Counts on disk are read if all of them may be in memory at a time; see :class:`BlockSizes`.
    """
    from scipy.sparse import vstack

    if expression is None or section.counts is None or section.genes is None:
        return section
    names = list(dict.fromkeys((*expression.genes, *expression.depth_genes)))  # in this order they are matched at once
    columns = match_genes(names, section.genes)
    if (columns < 0).any():  # substitutes are read in place of genes that it lacks
        columns = match_genes(list(dict.fromkeys((*names, *expression.substitutes))), section.genes)
    columns, counts = columns[columns >= 0], section.counts
    if not on_disk(counts):
        counts = pick_columns(counts, columns)
    elif 4 * counts.shape[0] * counts.shape[1] <= block_sizes.read_bytes:
        counts = vstack([pick_columns(counts[rows], columns) for rows in blocks(counts.shape[0])], format="csr")
    else:
        return section
    return replace(section, counts=counts, genes=np.asarray(section.genes)[columns])


class Composition:
    """Compute the log composition of neighbourhoods: summed counts per :data:`NEIGHBOURHOOD_TARGET_SUM`, log1p.

    Counts are summed before the logarithm, so the depth of single spots does not matter. The target sum is reduced by
    the usual share of genes that the section lacks; otherwise a small panel would seem to express its genes highly.

    Parameters
    ----------
    section
        A section with counts.
    expression
        Genes to read, and those that make up the depth.
    usual
        Mean log composition of the training sections, (n_genes,).
    """

    def __init__(self, section: SectionArrays, expression: ExpressionContract, usual: np.ndarray | None = None) -> None:
        assert section.genes is not None
        columns = match_genes(expression.genes, section.genes)
        depth_columns = match_genes(expression.depth_genes, section.genes)
        self.width, self.present = len(columns), np.flatnonzero(columns >= 0)
        self.columns, self.depth_columns = columns[self.present], depth_columns[depth_columns >= 0]
        shares = np.zeros(0) if usual is None else np.expm1(usual)
        self.target = NEIGHBOURHOOD_TARGET_SUM * (shares[self.present].sum() / shares.sum() if shares.any() else 1.0)

    def rows(self, counts: csr_matrix, index: np.ndarray, mask: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
        """Compute the log composition of the neighbourhoods ``index`` (b, t), rows of ``counts``.

        Returns
        -------
        Log composition (b, n_genes) float64, empty in genes the section lacks; and the summed depth, (b,).
        """
        from scipy.sparse import csr_matrix, diags

        distinct, local = np.unique(index, return_inverse=True)
        spot_counts = counts[distinct]
        start = np.arange(0, index.size + 1, index.shape[1])
        pick = csr_matrix((mask.ravel().astype(np.float64), local.ravel(), start), shape=(len(index), len(distinct)))
        depth = pick @ np.asarray(pick_columns(spot_counts, self.depth_columns).sum(axis=1), dtype=np.float64).ravel()
        scale = diags(np.divide(self.target, depth, out=np.zeros_like(depth), where=depth > 0))
        scaled = csr_matrix(scale @ (pick @ pick_columns(spot_counts, self.columns)))
        shape = (len(index), self.width)
        return csr_matrix((np.log1p(scaled.data), self.present[scaled.indices], scaled.indptr), shape=shape), depth
