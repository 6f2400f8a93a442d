"""Gene composition of neighbourhoods, on a scale that all sections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._contract import ExpressionContract
from ._expression import match_genes
from ._section import SectionArrays

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURHOOD_TARGET_SUM = 1e3
"""Counts a neighbourhood is normalised to before log1p: low, so that shallow and deep sections look alike."""


class Composition:
    """Log composition of neighbourhoods: their counts summed, brought to :data:`NEIGHBOURHOOD_TARGET_SUM`, log1p.

    Summing counts before the logarithm keeps the depth of single spots out of it. Genes that the section lacks leave
    their share of the sum free, as far as ``usual`` tells it: else a small panel would seem to express all it has.

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
        self.width, self.here = len(columns), np.flatnonzero(columns >= 0)
        self.columns, self.depth_columns = columns[self.here], depth_columns[depth_columns >= 0]
        shares = np.zeros(0) if usual is None else np.expm1(usual)
        self.target = NEIGHBOURHOOD_TARGET_SUM * (shares[self.here].sum() / shares.sum() if shares.any() else 1.0)

    def rows(self, counts: csr_matrix, index: np.ndarray, mask: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
        """Of neighbourhoods ``index`` (b, t) of rows of ``counts``.

        Returns
        -------
        (b, n_genes) float64, genes the section lacks empty; and the summed depth, (b,).
        """
        from scipy.sparse import csr_matrix, diags

        distinct, local = np.unique(index, return_inverse=True)
        own = counts[distinct]
        start = np.arange(0, index.size + 1, index.shape[1])
        pick = csr_matrix((mask.ravel().astype(np.float64), local.ravel(), start), shape=(len(index), len(distinct)))
        depth = pick @ np.asarray(own[:, self.depth_columns].sum(axis=1), dtype=np.float64).ravel()
        scale = diags(np.divide(self.target, depth, out=np.zeros_like(depth), where=depth > 0))
        scaled = csr_matrix(scale @ (pick @ own[:, self.columns]))
        shape = (len(index), self.width)
        return csr_matrix((np.log1p(scaled.data), self.here[scaled.indices], scaled.indptr), shape=shape), depth
