"""Composition of neighbourhoods by gene, on a scale that all sections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._contract import ExpressionContract
from ._expression import match_genes, pick_columns
from ._section import SectionArrays

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURHOOD_TARGET_SUM = 1e3
"""Counts a neighbourhood is normalised to before log1p: few, so that shallow and deep sections are alike."""


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
