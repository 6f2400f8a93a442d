"""Which features of a table are genes: no antibody, no control probe, no spike-in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import quote_names, warn
from ._section import Section

if TYPE_CHECKING:
    from anndata import AnnData

TYPES = ("feature_types", "feature_type", "type", "modality", "codeclass", "code_class")
"""Columns of ``var`` that say what a feature is, in small letters."""
GENE_TYPES = ("gene expression", "gex", "endogenous", "gene", "genes", "rna")
OTHER_TYPES = re.compile(
    r"antibody|protein (?:expression|panel)|^protein$|adt|hashtag|hto|multiplexing|crispr|guide|peaks|atac|custom"
    r"|control|codeword|blank|negative|unassigned|deprecated|intergenic|^genomic"
)
_CONTROLS = re.compile(
    r"(negative|neg)[-_. ]?(control|ctrl|prb|probe).*"  # Xenium, CosMx, GeoMx
    r"|negative[-_. ]?\d+"
    r"|(system|genomic|positive|pos)[-_. ]?(control|ctrl).*"
    r"|control[-_. ]?(probe|codeword).*"
    r"|.*codeword.*"
    r"|false[-_. ]?code.*"
    r"|blank[-_. ]?\d+"  # Xenium, MERSCOPE
    r"|antisense_.*|intergenic_region.*"
    r"|(.*_)?ercc[-_. ]?\d{5}"  # spike-ins; ERCC1 to ERCC8 are genes
    r"|.*[-_. ]totalseq[-_. ]?[a-d]?"
    r"|(adt|hto|hashtag)[-_. ].*|hashtag\d+"
    r"|(mouse|rat|hamster|human)[-_. ]ig[gma]\d?.*",
    re.IGNORECASE,
)
"""Names of features that are no genes, as instruments and kits give them."""


def gene_columns(table: AnnData) -> np.ndarray:
    """Find the genes among the features of a table, int64 positions in ``var``.

    A column such as ``var["feature_types"]`` says it; control probes, antibodies and spike-ins are also known by name.

    Raises
    ------
    ValueError
        If there are features, and none is a gene.
    """
    others = _other_kinds(table)
    columns = np.flatnonzero(others == "")
    if table.n_vars and not len(columns):
        raise ValueError(
            f"The table has no gene: its {table.n_vars} features are of the kind {quote_names(np.unique(others), 5)}. "
            "Pass the table of gene expression, for example with `table_key`."
        )
    return columns


def warn_other_features(sections: Sequence[Section]) -> None:
    """Warn, once for all sections, of features that are no genes and take no part."""
    tables = list({id(section.table): section.table for section in sections}.values())
    kinds = [_other_kinds(table) for table in tables]
    others = max(kinds, key=lambda kind: int((kind != "").sum()))
    if n_left := int((others != "").sum()):
        where = "" if len(tables) == 1 else " of a table"
        warn(
            f"{n_left} of {len(others)} features{where} are no genes and were left out: "
            f"{quote_names(np.unique(others[others != '']), 5)}."
        )


def _other_kinds(table: AnnData) -> np.ndarray:
    """Say of each feature of what other kind than a gene it is, object (n_vars,); empty text for genes."""
    kinds = np.full(table.n_vars, "", dtype=object)
    column = _type_column(table.var)
    if column is not None:
        codes, distinct = pd.factorize(table.var[column])  # a few texts for all features; -1 where there is none
        stated = pd.Series(distinct, dtype=object).astype(str)
        plain = _plain(stated)
        genes = plain.isin(GENE_TYPES)
        # Where no feature is called a gene, the column may hold biotypes: only what is known to be none is left out.
        other = ~genes & (plain != "") if genes.any() else plain.str.contains(OTHER_TYPES)
        kinds = np.append(stated.where(other, "").to_numpy(dtype=object), "")[codes]
    by_name = np.fromiter(map(_is_control, table.var_names.tolist()), dtype=bool, count=table.n_vars)
    kinds[by_name & (kinds == "")] = "control probes and antibodies by name"
    return kinds


@lru_cache(maxsize=100_000)
def _is_control(name: object) -> bool:
    return _CONTROLS.fullmatch(str(name)) is not None


def _type_column(var: pd.DataFrame) -> str | None:
    """Return the column that says what the features are; None if there is none."""
    named = {str(column).lower(): column for column in reversed(var.columns)}
    for name in TYPES:
        if name in named:
            plain = _plain(pd.Series(var[named[name]].dropna().unique(), dtype=object).astype(str))
            sure = name in TYPES[:2]  # "type" may hold anything, biotypes for example
            if plain.isin(GENE_TYPES if sure else GENE_TYPES[:3]).any() or (
                sure and plain.str.contains(OTHER_TYPES).any()
            ):
                return named[name]
    return None


def _plain(values: pd.Series) -> pd.Series:
    return values.str.strip().str.lower().str.replace("[-_]", " ", regex=True)
