"""Centres of the spots of a section, as the table stores them or as the element has them that it annotates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import quote_names
from .._keys import Keys
from ._elements import instances, transformations
from ._section import Section

if TYPE_CHECKING:
    from anndata import AnnData


def stored_coordinates(table: AnnData) -> np.ndarray:
    """Return ``obsm["spatial"]`` as float64; of a DataFrame, x and y by the names of its columns."""
    stored = table.obsm[Keys.SPATIAL]
    if isinstance(stored, pd.DataFrame):
        for pair in (["x", "y"], ["pxl_col_in_fullres", "pxl_row_in_fullres"]):
            if set(pair) <= set(stored.columns):
                stored = stored[pair]
    try:
        return np.asarray(stored, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"obsm['spatial'] must hold numbers, (n_obs, 2): {error}.") from error


def coordinates(section: Section) -> np.ndarray:
    """Return spot centres, (n, 2) float64, for distances within the section (pixels or micrometres, isotropic)."""
    if Keys.SPATIAL in section.table.obsm:
        xy = stored_coordinates(section.table)[section.rows]
    elif section.sdata is not None and section.element is not None:
        element = section.annotated_element()
        names, centres, _ = instances(element, next(iter(transformations(element))))
        xy = centres[match_instances(section, names)]
    else:
        raise KeyError(
            f"No coordinates: obsm has {quote_names(section.table.obsm)}, but not 'spatial'. "
            "Store the spot centres, (n_obs, 2), in `adata.obsm['spatial']`."
        )
    if xy.ndim != 2 or xy.shape[1] < 2:
        raise ValueError(f"obsm['spatial'] must have shape (n_obs, 2), got {xy.shape}.")
    xy = np.ascontiguousarray(xy[:, :2])
    check_finite(xy, section)
    return xy


def check_finite(xy: np.ndarray, section: Section) -> None:
    """Raise ValueError if a spot has coordinates that are NaN or infinite."""
    if bad := int((~np.isfinite(xy).all(axis=1)).sum()):
        raise ValueError(f"Section {section.name!r}: {bad} spots have no finite coordinates. Remove or repair them.")


def match_instances(section: Section, names: pd.Index) -> np.ndarray:
    """Return the position of each row of the section among the instances of the element it annotates, (n,)."""
    ids = pd.Index(section.instance_ids)
    if not names.is_unique:
        twice = quote_names(names[names.duplicated()], 5)
        raise ValueError(f"Element {section.element!r} has instances of the same name: {twice}.")
    positions = names.get_indexer(ids)
    if (positions < 0).any():
        missing = ids[positions < 0]
        raise KeyError(
            f"{len(missing)} of {len(ids)} rows of the table annotate instances that {section.element!r} does not "
            f"have: {quote_names(missing, 5)}.{_same_as_text(ids, names)} "
            "Match them with `spatialdata.match_table_to_element`."
        )
    return positions


def _same_as_text(ids: pd.Index, names: pd.Index) -> str:
    """Say so if the names are the same but for their type."""
    if (names.astype(str).get_indexer(ids.astype(str)) < 0).any():
        return ""
    return f" As text they would be the same, but they are {ids.dtype} in the table and {names.dtype} there."
