"""Counts and embeddings to network inputs: the same code for fitting and scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SCALINGS = ("minmax", "quantile", "zscore", "none")
TAIL = 0.02
"""Share of a column's values at each end that ``"quantile"`` holds at its ends."""


@dataclass(frozen=True)
class Features:
    """Rows that are made dense only when a batch asks for them.

    Attributes
    ----------
    matrix
        Scaled values without the offset, (n, width) float32, sparse or dense.
    offset
        Added to every dense row, (s, width) float32: one row per section.
    section
        Row of ``offset`` for each row of ``matrix``, (n,).
    valid
        Rows that have this modality, (n,) bool; the others are zero.
    """

    matrix: csr_matrix | np.ndarray
    offset: np.ndarray
    section: np.ndarray
    valid: np.ndarray

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Dense scaled rows, (len(index), width) float32."""
        block = self.matrix[index]
        dense = block if isinstance(block, np.ndarray) else block.toarray()
        dense = dense + self.offset[self.section[index]]
        dense[~self.valid[index]] = 0.0
        return dense

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    @classmethod
    def stack(cls, parts: Sequence[Features]) -> Features:
        """Rows of several sections below each other, each with its own offset."""
        from scipy.sparse import vstack

        dense = isinstance(parts[0].matrix, np.ndarray)
        matrices = [part.matrix for part in parts]
        return cls(
            np.vstack(matrices) if dense else vstack(matrices, format="csr"),
            np.vstack([part.offset for part in parts]),
            np.repeat(np.arange(len(parts)), [len(part.section) for part in parts]),
            np.concatenate([part.valid for part in parts]),
        )


def match_genes(wanted: Sequence[str] | np.ndarray, available: Sequence[str] | np.ndarray) -> np.ndarray:
    """Column of each wanted gene among the available ones, -1 where there is none; (len(wanted),) int64."""
    import pandas as pd

    return pd.Index(available).get_indexer(pd.Index(wanted)).astype(np.int64)


def log_normalise(counts: csr_matrix, depth_columns: np.ndarray, columns: np.ndarray, target_sum: float) -> csr_matrix:
    """Counts per ``target_sum`` over ``depth_columns``, log1p, of ``columns`` (-1 gives an empty column).

    Returns
    -------
    (n, len(columns)) float32.
    """
    from scipy.sparse import csr_matrix, diags

    depth = np.asarray(counts[:, depth_columns].sum(axis=1), dtype=np.float64).ravel()
    factor = np.divide(target_sum, depth, out=np.zeros_like(depth), where=depth > 0)
    here = columns >= 0
    picked = csr_matrix(diags(factor) @ counts[:, columns[here]].astype(np.float64))
    picked.data = np.log1p(picked.data)
    picked.sort_indices()
    placed = csr_matrix(
        (picked.data.astype(np.float32), np.flatnonzero(here)[picked.indices], picked.indptr),
        shape=(counts.shape[0], len(columns)),
    )
    placed.eliminate_zeros()
    return placed


def _statistics(matrix: csr_matrix | np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Centre and spread of each column, float64; a spread of 0 marks a constant column."""
    if scaling == "none":
        return np.zeros(matrix.shape[1]), np.ones(matrix.shape[1])
    if isinstance(matrix, np.ndarray):
        values = matrix.astype(np.float64)
        if scaling == "minmax":
            low = values.min(axis=0)
            return low, values.max(axis=0) - low
        return values.mean(axis=0), values.std(axis=0)
    if scaling == "minmax":
        low = matrix.min(axis=0).toarray().ravel().astype(np.float64)
        return low, matrix.max(axis=0).toarray().ravel() - low
    mean = np.asarray(matrix.mean(axis=0, dtype=np.float64)).ravel()
    square = np.asarray(matrix.astype(np.float64).power(2).mean(axis=0)).ravel()
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _held(matrix: csr_matrix | np.ndarray, valid: np.ndarray) -> csr_matrix | np.ndarray:
    """Values of each column held between its quantiles over the valid rows, so that no single spot sets the scale."""
    from scipy.sparse import csr_matrix

    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    low, high = np.quantile(dense[valid], [TAIL, 1 - TAIL], axis=0)
    held = np.clip(dense, low, high).astype(np.float32)
    return held if isinstance(matrix, np.ndarray) else csr_matrix(held)


def scale(matrix: csr_matrix | np.ndarray, scaling: str, valid: np.ndarray) -> Features:
    """Scale each column with the statistics of this section's own valid rows; constant columns become 0.

    This is the method's only adaptation between sections. It uses no labels.
    """
    from scipy.sparse import csr_matrix, diags

    if scaling == "quantile" and valid.any():
        matrix, scaling = _held(matrix, valid), "minmax"
    n, width = matrix.shape
    section = np.zeros(n, dtype=np.int64)
    if not valid.any():
        return Features(matrix, np.zeros((1, width), np.float32), section, valid)
    centre, spread = _statistics(matrix[valid], scaling)
    # A spread of rounding errors is a constant.
    constant = spread <= 1e-6 * np.maximum(np.abs(centre), 1.0)
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=~constant)
    offset = (-centre * factor).astype(np.float32)[None]
    if isinstance(matrix, np.ndarray):
        scaled: csr_matrix | np.ndarray = (np.where(valid[:, None], matrix, 0.0) * factor).astype(np.float32)
    else:
        scaled = csr_matrix(matrix @ diags(factor)).astype(np.float32)
    return Features(scaled, offset, section, valid)


def select_genes(sections: Sequence[csr_matrix], genes: np.ndarray, n_top: int, *, flavor: str) -> np.ndarray:
    """Names of the most variable genes, in the order of ``genes``.

    Parameters
    ----------
    sections
        Log-normalised expression of each training section over ``genes``.
    genes
        Genes that all sections share.
    n_top
        How many to keep; all if there are not more.
    flavor
        ``"batch"``: scanpy's dispersion ranking within each section, combined over sections;
        ``"first"``: the authors' choice, ``seurat_v3`` on the first section's log-normalised values.
    """
    import warnings

    import anndata as ad
    import pandas as pd
    import scanpy as sc
    from scipy.sparse import vstack

    if len(genes) <= n_top:
        return genes
    used = sections[:1] if flavor == "first" else sections
    table = ad.AnnData(
        vstack(used, format="csr"),
        obs=pd.DataFrame(
            {"section": pd.Categorical(np.repeat(np.arange(len(used)), [m.shape[0] for m in used]).astype(str))},
            index=np.arange(sum(m.shape[0] for m in used)).astype(str),
        ),
        var=pd.DataFrame(index=genes),
    )
    with warnings.catch_warnings():
        # seurat_v3 wants counts; the authors give it logarithms, and "first" repeats that knowingly.
        warnings.simplefilter("ignore")
        if flavor == "first":
            sc.pp.highly_variable_genes(table, n_top_genes=n_top, flavor="seurat_v3")
        else:
            sc.pp.highly_variable_genes(table, n_top_genes=n_top, flavor="seurat", batch_key="section")
    return genes[table.var["highly_variable"].to_numpy()]
