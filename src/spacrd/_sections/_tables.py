"""Counts, embeddings and labels of the rows of a section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import check_key
from ._features import gene_columns
from ._section import Section
from ._stored import Stored, as_floats, in_memory, is_whole

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def counts(section: Section, layer: str | None = None) -> csr_matrix | Stored:
    """Return the counts of a section, sparse rows by genes, as stored (not yet checked); on disk if they lie there.

    Other features than genes are left out; see :func:`gene_columns`.
    """
    from scipy.sparse import csr_matrix, issparse

    table = section.table
    if layer is not None:
        check_key(layer, table.layers, "layer")
    matrix = table.X if layer is None else table.layers[layer]
    if matrix is None:
        raise ValueError("The table has no X. Put raw counts in `adata.X`, or name a layer with `layer`.")
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"Counts must be real numbers, got {matrix.dtype}.")
    columns = gene_columns(table)
    genes_alone = is_whole(columns, table.n_vars)
    if not in_memory(matrix):
        return Stored(matrix, section.rows, sparse=True, columns=None if genes_alone else columns)
    block = matrix if is_whole(section.rows, table.n_obs) else matrix[section.rows]
    if not issparse(block):
        if np.ma.is_masked(block):
            raise ValueError(
                f"{int(np.ma.getmaskarray(block).sum())} counts are masked, and a count cannot be missing. Fill them, "
                "for example with `adata.X = adata.X.filled(0)`, or leave these spots out."
            )
        block = np.asarray(block)
    rows = csr_matrix(block.astype(np.float32) if block.dtype == np.float16 else block)  # scipy has no float16
    return rows if genes_alone else rows[:, columns]


def embedding(section: Section, key: str) -> np.ndarray | Stored:
    """Return the patch embedding of a section, (n, dim); NaN rows lie off the image; on disk if it lies there."""
    from scipy.sparse import issparse

    check_key(key, section.table.obsm, "embedding in obsm", hint="Make one with `spacrd.pp.extract_patches`.")
    stored = section.table.obsm[key]
    if issparse(stored):
        raise TypeError(f"obsm[{key!r}] is sparse; an embedding must be a dense array. Convert it with `.toarray()`.")
    if len(stored.shape) != 2 or stored.shape[1] == 0:
        raise ValueError(f"obsm[{key!r}] must be two-dimensional and not empty, got shape {stored.shape}.")
    if not in_memory(stored):
        return Stored(stored, section.rows, sparse=False)
    try:
        values = as_floats(stored, np.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(f"obsm[{key!r}] must hold numbers: {error}.") from error
    return values if is_whole(section.rows, len(values)) else values[section.rows]


def labels(section: Section, label_key: str) -> pd.Series:
    """Return the labels of a section as they are stored."""
    check_key(
        label_key, section.table.obs.columns, "obs column", hint="It should hold the annotated class of each spot."
    )
    return section.table.obs[label_key].iloc[section.rows]


def gene_values(section: Section, gene: str, layer: str | None = None) -> np.ndarray:
    """Return the values of one gene in the spots of a section as stored, (n,) float64."""
    column = np.flatnonzero(section.table.var_names == gene)
    if len(column) != 1:
        raise ValueError(f"Gene {gene!r} stands in the table several times. Call `adata.var_names_make_unique()`.")
    stored = section.table.X if layer is None else section.table.layers[layer]
    values = stored[:, column]
    values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return np.asarray(values, dtype=np.float64).ravel()[section.rows]
