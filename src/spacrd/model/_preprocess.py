"""Counts to log-normalised expression of the genes a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._scaling import on_disk

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ._scaling import Matrix


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


@dataclass(frozen=True)
class LogNormalised:
    """Counts that are log-normalised when they are read; see :func:`log_normalise`."""

    counts: Matrix
    depth_columns: np.ndarray
    columns: np.ndarray
    target_sum: float

    @property
    def shape(self) -> tuple[int, int]:
        """Spots and genes."""
        return self.counts.shape[0], len(self.columns)

    @property
    def on_disk(self) -> bool:
        """Whether rows are read from disk each time."""
        return on_disk(self.counts)

    def __getitem__(self, rows: Any) -> csr_matrix:
        """Some rows, float32."""
        return log_normalise(self.counts[rows], self.depth_columns, self.columns, self.target_sum)


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
