"""Results written back into a table: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import quote_names, warn
from .._interrupt import uninterrupted
from .._keys import REGION_COLORS, Keys
from ._containers import copy_data, get_table
from ._records import all_records

if TYPE_CHECKING:
    from anndata import AnnData


def write_results(
    data: Any,
    *,
    table_key: str,
    obs: Mapping[str, Any],
    obsm: Mapping[str, Any],
    uns: Mapping[str, Mapping[str, Any]],
    varm: Mapping[str, Any] | None = None,
    colors: Mapping[str, list[str]] | None = None,
    copy: bool,
) -> Any:
    """Write finished results at once: all of them, or none.

    ``uns`` is merged under ``.uns["spacrd"]``; ``colors`` go to ``.uns`` as scanpy reads them.
    Returns the copy if ``copy``, else None.
    """
    target = copy_data(data, table_key) if copy else data
    table = get_table(target, table_key)
    _warn_of_case(uns)
    new_uns = {Keys.UNS: {**all_records(table), **uns}, **(colors or {})}
    if table.is_view and table.isbacked:
        raise ValueError(
            "A subset of an AnnData that is open on disk cannot take results. Load it with "
            "`adata = adata.to_memory()`, or pass copy=True."
        )
    with uninterrupted():
        _write(table, obs, (obsm, varm or {}, new_uns))
    return target if copy else None


@dataclass(frozen=True)
class Scores:
    """Scores of the rows of a table.

    Attributes
    ----------
    region
        Called region, object (n_obs,); NaN where none was called.
    likelihood, uncertainty
        (n_obs,); None leaves those that are there.
    latent
        Latent embedding, (n_obs, width); None leaves the one that is there.
    """

    region: np.ndarray
    likelihood: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    latent: np.ndarray | None = None


def _warn_of_case(uns: Mapping[str, Mapping[str, Any]]) -> None:
    """Warn of sections whose results a zarr store would hold under one name."""
    names = {str(name) for record in uns.values() for name in record.get("sections", {})}
    lower = [name.lower() for name in names]
    if alike := sorted(name for name in names if lower.count(name.lower()) > 1):
        warn(
            f"Sections {quote_names(alike, 6)} differ in capital letters alone: a zarr store with results of both is "
            "not read again. Rename them, or write .h5ad."
        )


def write_scores(
    data: Any,
    key: str,
    *,
    table_key: str,
    scores: Scores,
    record: Mapping[str, Any],
    copy: bool,
) -> Any:
    """Write called regions with their colours, and likelihoods and uncertainties if they are new.

    Parameters
    ----------
    data
        The sections.
    key
        Name of the result, prefix of everything written.
    table_key
        Table of a SpatialData.
    scores
        What to write about the rows.
    record
        What is recorded under ``.uns["spacrd"][key]``.
    copy
        Whether to write into a copy.

    Returns
    -------
    The copy if ``copy``, else None.
    """
    columns = {Keys.likelihood(key): scores.likelihood, Keys.uncertainty(key): scores.uncertainty}
    obs = {name: np.asarray(values, np.float32) for name, values in columns.items() if values is not None}
    return write_results(
        data,
        table_key=table_key,
        obs={**obs, Keys.region(key): pd.Categorical(scores.region, categories=list(REGION_COLORS))},
        obsm={} if scores.latent is None else {Keys.latent(key): scores.latent},
        uns={key: record},
        colors={Keys.region_colors(key): list(REGION_COLORS.values())},
        copy=copy,
    )


def _write(table: AnnData, obs: Mapping[str, Any], results: tuple[Mapping[str, Any], ...]) -> None:
    """Write columns of obs, and entries of obsm, varm and uns; take all back if one fails."""
    if table.is_view:
        table._init_as_actual(table.copy())
    old_obs = table.obs.copy(deep=False)
    before = [(slot, dict(slot)) for slot in (table.obsm, table.varm, table.uns)]
    try:
        for name, values in obs.items():
            table.obs[name] = values
        for (slot, _), entries in zip(before, results, strict=True):
            slot.update(entries)
    except BaseException:
        table.obs = old_obs
        for slot, old in before:
            for name in [name for name in slot if name not in old]:
                del slot[name]
            slot.update(old)
        raise
