"""What the genes of a table are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import names

if TYPE_CHECKING:
    from anndata import AnnData

ENOUGH = 0.5
"""Share of the wanted genes from which the names of the table are taken as they are."""


def gene_names(table: AnnData, wanted: Iterable[str] | None = None) -> tuple[np.ndarray, str | None]:
    """Names of the genes, str (n_vars,), and the ``.var`` column they were taken from; None: ``var_names``.

    Readers name genes by symbol and keep Ensembl ids beside them, or the other way round. Where ``var_names`` hold less
    than half of the ``wanted`` genes, the column of texts that holds most is read instead. In such a column a name may
    occur twice; the first gene keeps it.

    Raises
    ------
    ValueError
        If ``var_names`` are not unique.
    """
    own = table.var_names
    if not own.is_unique:
        twice = own[own.duplicated()].unique()
        raise ValueError(f"Gene names are not unique: {names(twice, 5)}. Call `adata.var_names_make_unique()`.")
    found = own.to_numpy(dtype=str)
    looked_for = pd.Index([] if wanted is None else [str(gene) for gene in wanted]).unique()
    if not len(looked_for) or (most := int(looked_for.isin(found).sum())) >= ENOUGH * len(looked_for):
        return found, None
    source = None
    for column in table.var:
        values = table.var[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(values.cat.categories.dtype)
        if not pd.api.types.is_string_dtype(values.dtype) and values.dtype != object:
            continue
        texts = values.where(values.notna() & ~values.duplicated(), pd.Series(own, index=own)).astype(str)
        if (shared := int(looked_for.isin(texts).sum())) > most:
            most, source, found = shared, str(column), texts.to_numpy(dtype=str)
    return found, source
