"""Several sections in one, which nobody told apart: found by their spots, named by a column of the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .._checks import warn
from ..image import off_array
from ._agreement import check_agreement
from ._crowding import crowded, lattices_on_each_other, lie_between, repeats, several_spacings
from ._section import Section

MANY = 0.05
"""Share of spots, and at least 4, that share a place or a barcode where sections are mixed."""
SAME_PLACE = 1e-4
"""Share of the mean distance of spots within which two places are one: numbers are rounded on their way."""
_BARCODE = re.compile("[ACGTN]{8,}")
_SECTION_NAMES = re.compile(
    r"(.*[_.])?(library|sample|section|slide|slice|batch|dataset|patient|donor|subject|animal|mouse|replicate|specimen|"
    r"capture.?area|orig.?ident|block|array|core|fov|roi|plane|bregma|z)([_.]?(id|ids|name|key|label|number|no|index|um))?",
    re.IGNORECASE,
)
"""Columns of ``obs`` that people name sections in."""
_GRID = ["array_row", "array_col"]
_ARRAY = {*_GRID, "in_tissue"}
"""Columns of ``obs`` that say where a spot lies on its slide, and name no section."""
_NUMBER = r"-(\d{1,3})$"
"""Number of the sample at the end of a barcode, as Cell Ranger and `anndata.concat(index_unique="-")` append it."""
MAX_SECTIONS = 100
MAX_COMPARED = 12
"""Groups of spots, largest first, that are compared with all others."""


def check_one_section(section: Section, xy: np.ndarray) -> None:
    """Refuse or question a section whose spots lie on or between each other, as those of several sections do.

    Parameters
    ----------
    section
        The section.
    xy
        Centres of its spots, (n, 2); rows with NaN are left out.

    Raises
    ------
    ValueError
        If many spots lie at one place; if spots lie on or between each other, and a column, barcodes or array
        coordinates say that they are of several sections; if ``obsm`` contradicts the annotated element.
    """
    check_agreement(section, xy)
    finite = np.isfinite(xy).all(axis=1)
    rows, xy = section.rows[finite], xy[finite]
    if not len(rows):
        return
    obs = section.table.obs.iloc[rows]
    keys = _keys(obs, xy)
    _refuse_crowd(section, xy, crowded(keys["places"]))
    repeated = {name: key for name, key in keys.items() if _many(repeats(key))}
    distinct = xy[~keys["places"].duplicated().to_numpy()]
    one_array = "array" in keys and "array" not in repeated and not off_array(xy, *(obs[name] for name in _GRID)).any()
    on_each_other = "places" in repeated or (not one_array and lattices_on_each_other(distinct))
    mingled = next((column for column in _candidates(obs, named=True) if _mingle(obs[column].astype(str), xy)), None)
    numbers = _mingle(obs.index.to_series().astype(str).str.extract(_NUMBER, expand=False), xy)
    column = _column(obs, repeated) or mingled
    if on_each_other or repeated or column is not None or numbers:
        on_each_other = on_each_other or (mingled is not None and bool(repeated))
        _report(section, keys, repeated, column, on_each_other=on_each_other)
    else:
        _warn_units(section, obs, xy, distinct)


def _warn_units(section: Section, obs: pd.DataFrame, xy: np.ndarray, distinct: np.ndarray) -> None:
    """Warn of coordinates that contradict the array, or are spaced as no one section is."""
    if {*_GRID} <= set(obs.columns):
        off = off_array(xy, *(obs[name] for name in _GRID))
        if _many(off):
            which = "the spots" if off.all() else f"{int(off.sum())} of {len(off)} spots"
            warn(
                f"Section {section.name!r}: obs['array_row'] and obs['array_col'] do not fit the places of {which}. "
                "Were coordinates and rows of the table joined in a wrong order, or are some in another unit?"
            )
            return
    if (spacings := several_spacings(distinct)) is not None:
        warn(
            f"Section {section.name!r}: its spots are {spacings[0]:.4g} apart, but some of them {spacings[1]:.4g}. Are "
            "their coordinates in one unit? Bring all to the same, or name the sections with `library_key`."
        )


def _keys(obs: pd.DataFrame, xy: np.ndarray) -> dict[str, Any]:
    """Collect what no two spots of a section share."""
    extent = np.ptp(np.quantile(xy, [0.05, 0.95], axis=0), axis=0).max()
    grain = SAME_PLACE * extent / np.sqrt(len(xy))
    # Without its index, which may have the name of one of these columns.
    keys: dict[str, Any] = {"places": pd.DataFrame(np.round(xy / grain) if grain > 0 else xy)}
    if {*_GRID} <= set(obs.columns):
        array = obs[_GRID].reset_index(drop=True)
        if len(array.drop_duplicates()) > 1:
            keys["array"] = array
    barcodes = pd.Series(obs.index.astype(str)).str.findall(_BARCODE).str.join("+")
    keys["barcodes"] = barcodes.mask(barcodes == "")
    return keys


def _many(found: np.ndarray) -> bool:
    return bool(found.sum() > max(3, MANY * len(found)))


def _refuse_crowd(section: Section, xy: np.ndarray, crowd: np.ndarray) -> None:
    """Raise ValueError for spots, (n,) bool, that lie at one place or a few."""
    if crowd.any():
        x, y = xy[crowd][0]
        raise ValueError(
            f"Section {section.name!r}: {int(crowd.sum())} of {len(xy)} spots have the same coordinates, such as "
            f"({x:.6g}, {y:.6g}), as where places were joined to other names and filled. Repair them, or remove these "
            "spots."
        )


def _report(
    section: Section, keys: Mapping[str, Any], repeated: Mapping[str, Any], column: str | None, *, on_each_other: bool
) -> None:
    """Refuse what lies on each other and is known to be of several sections; warn of the rest."""
    evidence = []
    if "places" in repeated:
        evidence.append(f"{int(repeats(keys['places']).sum())} spots lie on another spot")
    elif on_each_other:
        evidence.append("spots lie on each other, nearer than the lattice they are on")
    if "array" in repeated:
        evidence.append(f"array_row and array_col repeat for {int(repeats(keys['array']).sum())} spots")
    if "barcodes" in repeated:
        evidence.append(f"barcodes repeat for {int(repeats(keys['barcodes']).sum())} spots")
    if not evidence:
        whose = "names that end in different numbers" if column is None else f"different obs[{column!r}]"
        evidence.append(f"spots of {whose} lie on each other")
    advice = (
        f"Pass library_key={column!r}."
        if column is not None
        else "Name the obs column that tells them apart with `library_key`; anndata.concat(..., label=...) makes one."
    )
    text = (
        f"Section {section.name!r} of {len(section.rows)} spots looks like several sections in one: "
        f"{', '.join(evidence)}. {advice}"
    )
    if on_each_other and (column is not None or {"array", "barcodes"} & set(repeated)):
        raise ValueError(text)
    warn(text)


def _column(obs: pd.DataFrame, repeated: Mapping[str, Any]) -> str | None:
    """Find the column whose values tell apart what repeats; one that is named as sections are, if there is one."""
    if not repeated:
        return None
    for column in _candidates(obs, named=True) + _candidates(obs, named=False):
        left = 0.1 if _SECTION_NAMES.fullmatch(column) else 0.02
        groups = obs[column].astype(str).to_numpy()
        within = [repeats(pd.DataFrame(key).assign(section=groups)).sum() for key in repeated.values()]
        if all(n <= left * repeats(key).sum() for n, key in zip(within, repeated.values(), strict=True)):
            return column
    return None


def _mingle(groups: pd.Series, xy: np.ndarray) -> bool:
    """Whether spots of one group lie on those of the others; a missing value is no group."""
    names = groups.value_counts().index
    if not 2 <= len(names) <= MAX_SECTIONS:
        return False
    group = groups.to_numpy()
    sizes = ((xy[group == name], xy[group != name]) for name in names[:MAX_COMPARED])
    return any(min(len(here), len(others)) >= 4 and lie_between(here, others) for here, others in sizes)


def _candidates(obs: pd.DataFrame, *, named: bool) -> list[str]:
    """List columns of several values that may name sections; with ``named``, columns of other names are not read."""
    columns = []
    for column in map(str, obs.columns):
        if column in _ARRAY or (_SECTION_NAMES.fullmatch(column) is not None) != named:
            continue
        values = obs[column]
        if isinstance(values, pd.Series) and 2 <= values.nunique() <= min(MAX_SECTIONS, len(obs) // 4):
            columns.append(column)
    return columns
