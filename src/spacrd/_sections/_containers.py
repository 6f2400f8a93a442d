"""The two containers, AnnData and SpatialData, and their tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import check_key

if TYPE_CHECKING:
    from anndata import AnnData


def is_spatialdata(data: Any) -> bool:
    """Whether ``data`` is a SpatialData, without importing spatialdata for an AnnData."""
    import sys

    module = sys.modules.get("spatialdata")
    return module is not None and isinstance(data, module.SpatialData)


def as_list(data: Any) -> list[Any]:
    """Return one object or a sequence of objects as a list."""
    from anndata import AnnData

    if isinstance(data, AnnData) or is_spatialdata(data):
        return [data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not data:
            raise ValueError("The list of sections is empty: pass at least one AnnData or SpatialData.")
        return list(data)
    raise TypeError(f"Expected an AnnData, a SpatialData or a list of them, got {type(data).__name__}.{_advice(data)}")


def get_table(data: Any, table_key: str = "table") -> AnnData:
    """Return the table of ``data``: the AnnData itself, or ``sdata.tables[table_key]``."""
    from anndata import AnnData

    if is_spatialdata(data):
        check_key(table_key, data.tables, "table", hint="Name it with `table_key`.")
        data = data.tables[table_key]
    if not isinstance(data, AnnData):
        raise TypeError(f"Expected an AnnData or a SpatialData, got {type(data).__name__}.{_advice(data)}")
    if type(data.obs).__name__ == "Dataset2D":
        raise TypeError(
            "The table was opened by `anndata.experimental.read_lazy`, which cannot take results. Load it with "
            "`adata = adata.to_memory()`, or open it with `anndata.read_h5ad(path, backed='r')`."
        )
    return data


def _advice(data: Any) -> str:
    """Say what to do instead with what people pass for a section."""
    if isinstance(data, str | os.PathLike):
        return f" Read {os.fspath(data)!r} first, for example with `spatialdata.read_zarr` or `anndata.read_h5ad`."
    if isinstance(data, list | tuple):
        return " Pass one section at a time, in a loop."
    return ""


def copy_data(data: Any, table_key: str = "table") -> Any:
    """Copy an AnnData; of a SpatialData, copy the table and share the other elements."""
    if not is_spatialdata(data):
        return data.to_memory() if data.isbacked else data.copy()
    from spatialdata import SpatialData

    elements = {name: element for _, name, element in data.gen_spatial_elements()}
    tables = {name: table.copy() if name == table_key else table for name, table in data.tables.items()}
    return SpatialData.init_from_elements({**elements, **tables}, attrs=dict(data.attrs))
