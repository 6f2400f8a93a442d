"""What the genes of a table are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import quote_names
from ._features import gene_columns

if TYPE_CHECKING:
    from anndata import AnnData

ENOUGH = 0.5
"""Share of the wanted genes from which the names of the table are taken as they are."""
_VERSIONED = re.compile(r"(ENS[A-Z]*G\d+)\.\d+")
"""An Ensembl id with the version of its annotation, which does not make another gene of it."""


def gene_names(table: AnnData, wanted: Iterable[str] | None = None) -> tuple[np.ndarray, str | None]:
    """Return the names of the genes and the ``.var`` column they come from; None: ``var_names``.

    They are in the order of :func:`gene_columns`, str (n_genes,); other features than genes have no name here.
    Readers name genes by symbol and keep Ensembl ids beside them, or the other way round. Where ``var_names`` hold less
    than half of the ``wanted`` genes, the column of texts that holds most is read instead. In such a column a name may
    occur twice; the first gene keeps it. Versions of Ensembl ids make no other genes: ids take those of ``wanted``.

    Raises
    ------
    ValueError
        If ``var_names`` are not unique.
    """
    var = table.var.iloc[gene_columns(table)]
    var_names = var.index
    if not var_names.is_unique:
        twice = var_names[var_names.duplicated()].unique()
        raise ValueError(f"Gene names are not unique: {quote_names(twice, 5)}. Call `adata.var_names_make_unique()`.")
    looked_for = pd.Index([] if wanted is None else [str(gene) for gene in wanted]).unique()
    names = _spelled_as(var_names.to_numpy(dtype=str), looked_for)
    if not len(looked_for) or (most := int(looked_for.isin(names).sum())) >= ENOUGH * len(looked_for):
        return names, None
    source = None
    for column in var:
        values = var[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(values.cat.categories.dtype)
        if not pd.api.types.is_string_dtype(values.dtype) and values.dtype != object:
            continue
        texts = values.where(values.notna() & ~values.duplicated(), pd.Series(var_names, index=var_names)).astype(str)
        spelled = _spelled_as(texts.to_numpy(dtype=str), looked_for)
        if (shared := int(looked_for.isin(spelled).sum())) > most:
            most, source, names = shared, str(column), spelled
    return names, source


def _spelled_as(names: np.ndarray, wanted: pd.Index) -> np.ndarray:
    """Return names, with Ensembl ids in the versions that are wanted; the first of several versions of a gene."""
    spelling = {_plain(name): name for name in wanted.tolist()[::-1] if name.startswith("ENS")}
    if not spelling:
        return names
    spelled = names.tolist()
    taken = set(spelled)
    for position in np.flatnonzero(np.char.startswith(names, "ENS")):
        name = spelled[position]
        new = spelling.get(_plain(name), name)
        if new not in taken:
            spelled[position] = new
            taken.add(new)
    return np.array(spelled, dtype=str)


def _plain(name: str) -> str:
    versioned = _VERSIONED.fullmatch(name)
    return versioned[1] if versioned else name
