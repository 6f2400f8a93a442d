"""Log-normalised expression of some genes of a section."""

from __future__ import annotations

import numpy as np

from ._features import gene_columns
from ._section import Section
from ._stored import ROWS
from ._tables import counts

TARGET_SUM = 1e4
"""Counts to which each spot is scaled, as scanpy's `normalize_total` is mostly called."""


def log_expression(section: Section, columns: np.ndarray, layer: str | None = None) -> np.ndarray:
    """Return the expression of some columns of the table, (n, len(columns)) float32.

    Whole numbers are counts: they are scaled to 10,000 for each spot, over its genes, and logged. Other values count as
    logged already. Columns of other features than genes are NaN.
    """
    genes = gene_columns(section.table)
    position = np.searchsorted(genes, columns)
    is_gene = position < len(genes)
    is_gene[is_gene] = genes[position[is_gene]] == columns[is_gene]
    matrix = counts(section, layer)
    n = matrix.shape[0]
    values = np.full((n, len(columns)), np.nan, dtype=np.float32)
    totals = np.zeros(n)
    whole = True
    for start in range(0, n, ROWS):
        block = matrix[np.arange(start, min(start + ROWS, n))]
        whole = whole and bool((block.data >= 0).all() and (block.data == np.round(block.data)).all())
        totals[start : start + ROWS] = np.asarray(block.sum(axis=1)).ravel()
        values[start : start + ROWS, is_gene] = block[:, position[is_gene]].toarray()
    if not whole:
        return values
    factor = np.divide(TARGET_SUM, totals, out=np.zeros(n), where=totals > 0)
    return np.log1p(values * factor[:, None].astype(np.float32))
