"""Results written back into a table: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._interrupt import uninterrupted
from .._keys import Keys
from ._tables import get_table, is_spatialdata, kept

if TYPE_CHECKING:
    from anndata import AnnData


def copy_data(data: Any, table_key: str = "table") -> Any:
    """Copy of an AnnData; or a SpatialData with its table copied and the other elements shared."""
    if not is_spatialdata(data):
        return data.to_memory() if data.isbacked else data.copy()
    from spatialdata import SpatialData

    elements = {name: element for _, name, element in data.gen_spatial_elements()}
    tables = {name: table.copy() if name == table_key else table for name, table in data.tables.items()}
    return SpatialData.init_from_elements({**elements, **tables}, attrs=dict(data.attrs))


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
    new_uns = {Keys.UNS: {**kept(table), **uns}, **(colors or {})}
    if table.is_view and table.isbacked:
        raise ValueError(
            "A subset of an AnnData that is open on disk cannot take results. Load it with "
            "`adata = adata.to_memory()`, or pass copy=True."
        )
    with uninterrupted():
        _write(table, obs, (obsm, varm or {}, new_uns))
    return target if copy else None


def _write(table: AnnData, obs: Mapping[str, Any], results: tuple[Mapping[str, Any], ...]) -> None:
    """Columns of obs, and entries of obsm, varm and uns."""
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
