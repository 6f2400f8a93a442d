"""Centres of the spots of a section, as the table stores them or as the element has them that it annotates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .._checks import quote_names
from .._keys import Keys
from ._elements import heights, instances, transformations
from ._section import Section
from ._stored import as_floats

if TYPE_CHECKING:
    from anndata import AnnData

FARTHEST, NARROWEST = 1e12, 1e-12
"""Units from the origin beyond which no spot lies, and extent below which distances are lost in rounding."""


def stored_coordinates(table: AnnData) -> np.ndarray:
    """Return ``obsm["spatial"]`` as float64; of a DataFrame, x, y and perhaps z by the names of its columns."""
    stored = table.obsm[Keys.SPATIAL]
    if isinstance(stored, pd.DataFrame):
        for axes in (["x", "y", "z"], ["x", "y"], ["pxl_col_in_fullres", "pxl_row_in_fullres"]):
            if set(axes) <= set(stored.columns):
                stored = stored[axes]
                break
    try:
        return as_floats(stored, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"obsm['spatial'] must hold numbers, (n_obs, 2): {error}.") from error


def coordinates(section: Section) -> np.ndarray:
    """Return spot centres, (n, 2) float64, for distances within the section (pixels or micrometres, isotropic)."""
    if Keys.SPATIAL in section.table.obsm:
        xy = flat_coordinates(section)
    elif section.sdata is not None and section.element is not None:
        element = section.annotated_element()
        xy = element_centres(section, next(iter(transformations(element))))[0]
    else:
        raise KeyError(
            f"No coordinates: obsm has {quote_names(section.table.obsm)}, but not 'spatial'. "
            "Store the spot centres, (n_obs, 2), in `adata.obsm['spatial']`."
        )
    check_finite(xy, section)
    return xy


def flat_coordinates(section: Section) -> np.ndarray:
    """Return x and y of ``obsm["spatial"]`` of a section, (n, 2); a third coordinate must be the same everywhere."""
    stored = stored_coordinates(section.table)
    if stored.ndim != 2 or stored.shape[1] not in (2, 3):
        raise ValueError(f"obsm['spatial'] must have shape (n_obs, 2), got {stored.shape}.")
    xyz = stored[section.rows]
    if xyz.shape[1] == 3:
        _check_flat(xyz[:, 2], section, "obsm['spatial'] has")
    return np.ascontiguousarray(xyz[:, :2])


def element_centres(section: Section, system: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres, (n, 2), and sizes, (n,), of the instances that the rows annotate, in a coordinate system."""
    element = section.annotated_element()
    names, centres, sizes = instances(element, system)
    positions = match_instances(section, names)
    if (z := heights(element)) is not None:
        _check_flat(z[positions], section, f"element {section.element!r} has")
    return centres[positions], sizes[positions]


def _check_flat(z: np.ndarray, section: Section, what: str) -> None:
    """Raise ValueError if the third coordinate of spots, (n,), varies."""
    values = np.unique(z[np.isfinite(z)])
    if len(values) > 1 and np.ptp(values) > 1e-9 * np.abs(values).max():
        raise ValueError(
            f"Section {section.name!r}: {what} a third coordinate that varies, {len(values)} values from "
            f"{values[0]:.6g} to {values[-1]:.6g}. Tell sections that are stacked along it apart by a column of obs "
            "(`library_key`); of one flat section, keep x and y alone."
        )


def check_finite(xy: np.ndarray, section: Section) -> None:
    """Raise ValueError if a spot has coordinates that are NaN, infinite, or far beyond any slide."""
    far = np.isfinite(xy) & (np.abs(xy) > FARTHEST)
    if far.any():
        raise ValueError(
            f"Section {section.name!r}: {int(far.any(axis=1).sum())} spots have coordinates that no slide has, up to "
            f"{np.abs(xy[far]).max():.3g}. Repair or remove them."
        )
    finite = xy[np.isfinite(xy).all(axis=1)]
    extent = float(np.ptp(finite, axis=0).max()) if len(finite) else 0.0
    if 0 < extent < NARROWEST:
        raise ValueError(
            f"Section {section.name!r}: all spots lie within {extent:.3g}, which no slide has. Repair the coordinates."
        )
    if bad := int((~np.isfinite(xy).all(axis=1)).sum()):
        raise ValueError(f"Section {section.name!r}: {bad} spots have no finite coordinates. Remove or repair them.")


def on_slide(xy: np.ndarray) -> np.ndarray:
    """Return coordinates with NaN for those that are infinite or far beyond any slide, (n, 2)."""
    return np.where(np.abs(xy) <= FARTHEST, xy, np.nan)


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
