"""Tables of AnnData and SpatialData: sections, counts, labels, coordinates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import check_key, quote_names
from .._keys import Keys
from ._stored import Stored, in_memory, is_whole

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix
    from spatialdata import SpatialData


_ATTRS = "Set the region, region_key and instance_key of the table with `spatialdata.models.TableModel.parse`."


@dataclass(frozen=True)
class Section:
    """One section: the rows of one library in one table.

    Attributes
    ----------
    name
        Name of the library, or of the region that its rows annotate.
    rows
        int64 positions in ``table.obs``, in table order.
    table
        The whole table, not a copy.
    sdata
        The SpatialData that holds the table, if there is one.
    region
        Element of ``sdata`` that the rows annotate.
    instance_ids
        Identifiers of the rows in that element.
    """

    name: str
    rows: np.ndarray
    table: AnnData
    sdata: SpatialData | None = None
    region: str | None = None
    instance_ids: np.ndarray | None = None


def is_spatialdata(data: Any) -> bool:
    """Whether ``data`` is a SpatialData, without importing spatialdata for an AnnData."""
    import sys

    module = sys.modules.get("spatialdata")
    return module is not None and isinstance(data, module.SpatialData)


def as_list(data: Any) -> list[Any]:
    """One object or a sequence of objects, as a list."""
    from anndata import AnnData

    if isinstance(data, AnnData) or is_spatialdata(data):
        return [data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not data:
            raise ValueError("The list of sections is empty: pass at least one AnnData or SpatialData.")
        return list(data)
    raise TypeError(f"Expected an AnnData, a SpatialData or a list of them, got {type(data).__name__}.{_advice(data)}")


def get_table(data: Any, table_key: str = "table") -> AnnData:
    """Table of ``data``: the AnnData itself, or ``sdata.tables[table_key]``."""
    from anndata import AnnData

    if isinstance(data, AnnData):
        return data
    if is_spatialdata(data):
        check_key(table_key, data.tables, "table", hint="Name it with `table_key`.")
        return data.tables[table_key]
    raise TypeError(f"Expected an AnnData or a SpatialData, got {type(data).__name__}.{_advice(data)}")


def _advice(data: Any) -> str:
    """What to do instead with what people pass for a section."""
    if isinstance(data, str | os.PathLike):
        return f" Read {os.fspath(data)!r} first, for example with `spatialdata.read_zarr` or `anndata.read_h5ad`."
    if isinstance(data, list | tuple):
        return " Pass one section at a time, in a loop."
    return ""


def split_sections(
    data: Any, *, table_key: str = "table", library_key: str | None = None, region: str | None = None
) -> list[Section]:
    """Split ``data`` into its sections; rows keep their order within each."""
    table = get_table(data, table_key)
    if table.n_obs == 0:
        raise ValueError("The section is empty: its table has no rows. Check the filtering before this call.")
    if not table.obs_names.is_unique:
        twice = table.obs_names[table.obs_names.duplicated()].unique()
        raise ValueError(f"Spot names are not unique: {quote_names(twice, 5)}. Call `adata.obs_names_make_unique()`.")
    attrs = table.uns.get("spatialdata_attrs") if is_spatialdata(data) else None
    if attrs:
        for name in ("region_key", "instance_key"):
            check_key(name, attrs, "entry of uns['spatialdata_attrs']", hint=_ATTRS)
            check_key(attrs[name], table.obs.columns, f"obs column ({name} of the table)", hint=_ATTRS)
    region_key = str(attrs["region_key"]) if attrs else None
    column = library_key or region_key
    if column is not None:
        check_key(column, table.obs.columns, "obs column", hint="Name the column of section names with `library_key`.")
        groups = table.obs[column]
        if groups.isna().any():
            raise ValueError(f"obs[{column!r}] names no section for {int(groups.isna().sum())} rows. Fill them.")
        order = groups.astype(str).to_numpy()
        split = {name: np.flatnonzero(order == name) for name in pd.unique(order)}
    else:
        split = {_single_name(table): np.arange(table.n_obs)}
    libraries = [_library(data, table, name, rows.astype(np.int64), attrs) for name, rows in split.items()]
    if region is not None:
        regions = [library.region or library.name for library in libraries]
        check_key(region, regions, "region")
        libraries = [library for library, name in zip(libraries, regions, strict=True) if name == region]
    return libraries


def _single_name(table: AnnData) -> str:
    spatial = table.uns.get(Keys.SPATIAL)
    return str(next(iter(spatial))) if isinstance(spatial, Mapping) and len(spatial) == 1 else "section"


def _library(data: Any, table: AnnData, name: str, rows: np.ndarray, attrs: Mapping[str, Any] | None) -> Section:
    if not is_spatialdata(data):
        return Section(name, rows, table)
    if attrs is None:
        return Section(name, rows, table, sdata=data)
    regions = table.obs[attrs["region_key"]].iloc[rows].astype(str).unique()
    if len(regions) != 1:
        raise ValueError(
            f"Section {name!r} spans the regions {quote_names(regions)}. A section must lie in one region: "
            "choose a `library_key` that does not mix them."
        )
    instances = table.obs[attrs["instance_key"]].to_numpy()[rows]
    return Section(name, rows, table, data, str(regions[0]), instances)


def stored_coordinates(table: AnnData) -> np.ndarray:
    """``obsm["spatial"]`` as float64; of a DataFrame, x and y by the names of its columns."""
    stored = table.obsm[Keys.SPATIAL]
    if isinstance(stored, pd.DataFrame):
        for pair in (["x", "y"], ["pxl_col_in_fullres", "pxl_row_in_fullres"]):
            if set(pair) <= set(stored.columns):
                stored = stored[pair]
    try:
        return np.asarray(stored, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"obsm['spatial'] must hold numbers, (n_obs, 2): {error}.") from error


def coordinates(library: Section) -> np.ndarray:
    """Spot centres, (n, 2) float64, for distances within the section (pixels or micrometres, isotropic)."""
    if Keys.SPATIAL in library.table.obsm:
        xy = stored_coordinates(library.table)[library.rows]
    elif library.sdata is not None and library.region is not None:
        xy = _element_centres(library)
    else:
        raise KeyError(
            f"No coordinates: obsm has {quote_names(library.table.obsm)}, but not 'spatial'. "
            "Store the spot centres, (n_obs, 2), in `adata.obsm['spatial']`."
        )
    if xy.ndim != 2 or xy.shape[1] < 2:
        raise ValueError(f"obsm['spatial'] must have shape (n_obs, 2), got {xy.shape}.")
    xy = np.ascontiguousarray(xy[:, :2])
    check_finite(xy, library)
    return xy


def check_finite(xy: np.ndarray, library: Section) -> None:
    """Refuse spots that are nowhere."""
    if bad := int((~np.isfinite(xy).all(axis=1)).sum()):
        raise ValueError(f"Section {library.name!r}: {bad} spots have no finite coordinates. Remove or repair them.")


def _element_centres(library: Section) -> np.ndarray:
    from ._centres import instances, place_instances, transformations

    assert library.sdata is not None and library.region is not None
    element = library.sdata[library.region]
    index, centres, _ = instances(element, next(iter(transformations(element))))
    return centres[place_instances(library, index)]


def counts(library: Section, layer: str | None = None) -> csr_matrix | Stored:
    """Counts of the section's rows, sparse rows by genes, as stored (not yet checked); on disk if they lie there."""
    from scipy.sparse import csr_matrix, issparse

    table = library.table
    if layer is not None:
        check_key(layer, table.layers, "layer")
    matrix = table.X if layer is None else table.layers[layer]
    if matrix is None:
        raise ValueError("The table has no X. Put raw counts in `adata.X`, or name a layer with `layer`.")
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"Counts must be real numbers, got {matrix.dtype}.")
    if not in_memory(matrix):
        return Stored(matrix, library.rows, sparse=True)
    block = matrix if is_whole(library.rows, table.n_obs) else matrix[library.rows]
    if not issparse(block):
        block = np.asarray(block)
    return csr_matrix(block.astype(np.float32) if block.dtype == np.float16 else block)  # scipy has no float16


def embedding(library: Section, key: str) -> np.ndarray | Stored:
    """Patch embedding of the section's rows, (n, dim); NaN rows lie off the image; on disk if it lies there."""
    from scipy.sparse import issparse

    check_key(key, library.table.obsm, "embedding in obsm", hint="Make one with `spacrd.pp.extract_patches`.")
    stored = library.table.obsm[key]
    if issparse(stored):
        raise TypeError(f"obsm[{key!r}] is sparse; an embedding must be a dense array. Convert it with `.toarray()`.")
    if len(stored.shape) != 2 or stored.shape[1] == 0:
        raise ValueError(f"obsm[{key!r}] must be two-dimensional and not empty, got shape {stored.shape}.")
    if not in_memory(stored):
        return Stored(stored, library.rows, sparse=False)
    values = np.asarray(stored, dtype=np.float32)
    return values if is_whole(library.rows, len(values)) else values[library.rows]


def labels(library: Section, label_key: str) -> pd.Series:
    """Labels of the section's rows as objects: strings, or NaN where unlabelled."""
    check_key(
        label_key, library.table.obs.columns, "obs column", hint="It should hold the annotated class of each spot."
    )
    column = library.table.obs[label_key].iloc[library.rows]
    return column.astype(object).where(column.notna(), np.nan)


def kept(table: AnnData) -> Mapping[str, Any]:
    """All that spacrd recorded in ``.uns``."""
    found = table.uns.get(Keys.UNS, {})
    if not isinstance(found, Mapping):
        raise TypeError(f"uns['spacrd'] holds a {type(found).__name__}; spacrd keeps a dictionary there. Rename yours.")
    return found


def result_record(table: AnnData, key: str) -> Mapping[str, Any]:
    """What an earlier call recorded under ``uns["spacrd"][key]``, with its sections; empty if there is nothing."""
    record = kept(table).get(key, {})
    if isinstance(record, Mapping):
        sections = record.get("sections", {})
        if isinstance(sections, Mapping) and all(isinstance(section, Mapping) for section in sections.values()):
            return record
    raise TypeError(f"uns['spacrd'][{key!r}] is not what spacrd writes there. Delete it and repeat the step.")
