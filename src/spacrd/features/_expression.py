"""Log-normalise counts and choose genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._blocks import blocks
from ._scaling import on_disk

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ._scaling import Matrix


def match_genes(genes: Sequence[str] | np.ndarray, available: Sequence[str] | np.ndarray) -> np.ndarray:
    """Find the position of each gene among the available ones, -1 where it is missing; (len(genes),) int64."""
    looked_for, there = _plain_list(genes), _plain_list(available)
    if looked_for == there:
        return np.arange(len(there))
    place = {gene: position for position, gene in enumerate(there)}
    return np.fromiter((place.get(gene, -1) for gene in looked_for), dtype=np.int64, count=len(looked_for))


def _plain_list(names: Sequence[str] | np.ndarray) -> list[str]:
    return names.tolist() if isinstance(names, np.ndarray) else list(names)


def log_normalise(counts: csr_matrix, depth_columns: np.ndarray, columns: np.ndarray, target_sum: float) -> csr_matrix:
    """Compute log1p of the counts per ``target_sum`` over ``depth_columns``, for ``columns`` (-1: an empty column).

    Returns
    -------
    (n, len(columns)) float32.
    """
    return LogNormalised(counts, depth_columns, columns, target_sum)[:]


class LogNormalised:
    """Log-normalise counts when rows are read; see :func:`log_normalise`."""

    def __init__(self, counts: Matrix, depth_columns: np.ndarray, columns: np.ndarray, target_sum: float) -> None:
        self.counts, self.columns = counts, columns
        depth = np.concatenate([_row_sums(counts[rows], depth_columns) for rows in blocks(counts.shape[0])])
        self.factor = np.divide(target_sum, depth, out=np.zeros_like(depth), where=depth > 0)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of spots and genes."""
        return self.counts.shape[0], len(self.columns)

    @property
    def on_disk(self) -> bool:
        """Tell whether rows are read from disk each time."""
        return on_disk(self.counts)

    def __getitem__(self, rows: Any) -> csr_matrix:
        """Return some rows, float32."""
        from scipy.sparse import csr_matrix

        present = self.columns >= 0
        picked = csr_matrix(pick_columns(self.counts[rows], self.columns[present]))
        factor = np.repeat(self.factor[rows], np.diff(picked.indptr))
        values = np.log1p(picked.data.astype(np.float64) * factor).astype(np.float32)
        shape = (picked.shape[0], len(self.columns))
        logged = csr_matrix((values, np.flatnonzero(present)[picked.indices], picked.indptr), shape=shape, copy=True)
        logged.sort_indices()
        logged.eliminate_zeros()
        return logged


def pick_columns(counts: csr_matrix, columns: np.ndarray) -> csr_matrix:
    """Select columns; consecutive ones, the usual case, as a slice."""
    if len(columns) and (np.diff(columns) == 1).all():
        start, stop = int(columns[0]), int(columns[-1]) + 1
        return counts if (start, stop) == (0, counts.shape[1]) else counts[:, start:stop]
    return counts[:, columns]


def _row_sums(counts: csr_matrix, columns: np.ndarray) -> np.ndarray:
    return np.asarray(pick_columns(counts, columns).sum(axis=1), dtype=np.float64).ravel()


def select_genes(
    sections: Sequence[csr_matrix], genes: np.ndarray, n_top: int, *, flavor: str
) -> tuple[np.ndarray, np.ndarray]:
    """Select the most variable genes.

    Parameters
    ----------
    sections
        Log-normalised expression of each training section over ``genes``.
    genes
        Genes that all sections share.
    n_top
        Number to select; all if there are not more.
    flavor
        ``"residual"``: the variance beyond that of genes of the same mean, ranked within each section;
        ``"first"``: the authors' choice, scanpy's ``seurat_v3`` on the first section's log-normalised values.

    Returns
    -------
    The selected genes in the order of ``genes``; and the others that vary in a section, the most variable first, none
    with ``flavor="first"``.
    """
    from scipy.stats import rankdata

    if len(genes) <= n_top:
        return genes, genes[:0]
    if flavor == "first":
        return genes[_seurat_v3(sections[0], n_top)], genes[:0]
    excess = np.stack([_excess_variance(section) for section in sections])
    ranks = np.mean([rankdata(of_section) for of_section in excess], axis=0)
    # A stable order of ties, which genes without a count make.
    order = np.argsort(-ranks, kind="stable")
    varies = np.isfinite(excess).any(axis=0)
    return genes[np.sort(order[:n_top])], genes[[gene for gene in order[n_top:] if varies[gene]]]


def _excess_variance(section: csr_matrix) -> np.ndarray:
    """Compute the log variance of each gene beyond a quadratic in its log mean, (n_genes,); lowest without a count."""
    from sklearn.utils.sparsefuncs import mean_variance_axis

    mean, variance = mean_variance_axis(section.astype(np.float64), axis=0)
    varies = (mean > 0) & (variance > 0)
    excess = np.full(len(mean), -np.inf)
    if varies.any():
        log_mean, log_variance = np.log(mean[varies]), np.log(variance[varies])
        curve = np.polynomial.Polynomial.fit(log_mean, log_variance, 2)
        excess[varies] = log_variance - curve(log_mean)
    return excess


def _seurat_v3(section: csr_matrix, n_top: int) -> np.ndarray:
    """Select the most variable genes of a section by scanpy, (n_genes,) bool."""
    import warnings

    import anndata as ad
    import pandas as pd
    import scanpy as sc

    names = [pd.DataFrame(index=np.arange(n).astype(str)) for n in section.shape]
    table = ad.AnnData(section, obs=names[0], var=names[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seurat_v3 expects counts; the authors pass logarithms
        sc.pp.highly_variable_genes(table, n_top_genes=n_top, flavor="seurat_v3")
    return np.asarray(table.var["highly_variable"])
