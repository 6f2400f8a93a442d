"""Sections: the rows of a table that belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import check_key, quote_names, warn
from .._classes import clean_name
from .._keys import Keys
from ._containers import get_table, is_spatialdata
from ._selection import ALL, Selection

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

_ATTRS = "Set the region, region_key and instance_key of the table with `spatialdata.models.TableModel.parse`."


@dataclass(frozen=True)
class Section:
    """One section: the rows of one library in one table.

    Attributes
    ----------
    name
        Name of the library, or of the element that its rows annotate.
    rows
        int64 positions in ``table.obs``, in table order; of the spots on tissue alone.
    table
        The whole table, not a copy.
    sdata
        The SpatialData that holds the table, if there is one.
    element
        Name of the element of ``sdata`` that the rows annotate.
    instance_ids
        Identifiers of the rows in that element.
    off_tissue
        int64 positions of its spots off the tissue, which take no part.
    """

    name: str
    rows: np.ndarray
    table: AnnData
    sdata: SpatialData | None = None
    element: str | None = None
    instance_ids: np.ndarray | None = None
    off_tissue: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def all_rows(self) -> np.ndarray:
        """int64 positions of all its spots, those off the tissue at the end."""
        return np.concatenate([self.rows, self.off_tissue])

    def annotated_element(self) -> Any:
        """Return the element that the rows annotate.

        Raises
        ------
        ValueError
            If the table annotates none.
        KeyError
            If the SpatialData does not have it.
        """
        sdata, element = self.sdata, self.element
        if sdata is None or element is None or self.instance_ids is None:
            raise ValueError(
                "The table annotates no element, so its rows have no place on an image. Set its region, region_key and "
                "instance_key with `spatialdata.models.TableModel.parse`."
            )
        check_key(element, [*sdata.shapes, *sdata.labels, *sdata.points], "element annotated by the table")
        return sdata[element]


def split_sections(data: Any, selection: Selection = ALL) -> list[Section]:
    """Split ``data`` into its sections; rows keep their order within each.

    Spots off the tissue (``obs["in_tissue"]`` is 0) are left out, and a warning counts them.
    """
    return split_each([data], selection)[0]


def only_section(data: Any, selection: Selection, which: str) -> Section:
    """Return the one section of ``data``; ``which`` says in an error what the section is that was meant."""
    sections = split_sections(data, selection)
    if len(sections) > 1:
        names = ", ".join(repr(section.element or section.name) for section in sections)
        raise ValueError(f"There are several sections ({names}); name the one that {which} with `region`.")
    return sections[0]


def split_each(objects: Sequence[Any], selection: Selection = ALL) -> list[list[Section]]:
    """Split several objects as :func:`split_sections` does, with one warning for all of them."""
    split = [split_silently(data, selection) for data in objects]
    sections = [section for group in split for section in group]
    if n_off := sum(len(section.off_tissue) for section in sections):
        n_spots = sum(len(section.all_rows) for section in sections)
        warn(
            f"{n_off} of {n_spots} spots lie off the tissue (obs[{Keys.IN_TISSUE!r}] is 0). They take no part, and "
            "results are NaN there."
        )
    for group in split:
        _warn_alike([section.name for section in group])
    return split


def _warn_alike(names: Sequence[str]) -> None:
    """Warn of sections of one table whose names a reader does not tell apart."""
    seen = pd.Series([clean_name(name) for name in names], names, dtype=object)
    if len(alike := seen[seen.duplicated(keep=False)]):
        warn(
            f"Sections {', '.join(map(ascii, alike.index[:6]))} differ in blanks or characters without width alone. "
            "Each is a section of its own; rename them if they are one."
        )


def split_silently(data: Any, selection: Selection) -> list[Section]:
    """Split ``data`` as :func:`split_sections` does, without a warning."""
    table = get_table(data, selection.table_key)
    if table.n_obs == 0:
        raise ValueError("The section is empty: its table has no rows. Check the filtering before this call.")
    if not table.obs_names.is_unique:
        twice = table.obs_names[table.obs_names.duplicated()].unique()
        raise ValueError(f"Spot names are not unique: {quote_names(twice, 5)}. Call `adata.obs_names_make_unique()`.")
    attrs = _attrs(table) if is_spatialdata(data) else None
    column = selection.library_key or (str(attrs["region_key"]) if attrs else None)
    if column is not None:
        check_key(column, table.obs.columns, "obs column", hint="Name the column of section names with `library_key`.")
        names = table.obs[column]
        if names.isna().any():
            raise ValueError(f"obs[{column!r}] names no section for {int(names.isna().sum())} rows. Fill them.")
        texts = names.astype(str).to_numpy()
        _check_apart(names, texts, column)
        rows_of = {name: np.flatnonzero(texts == name) for name in pd.unique(texts)}
        _check_stored(rows_of, column)
    else:
        rows_of = {_single_name(table): np.arange(table.n_obs)}
    sections = [_section(data, table, name, rows.astype(np.int64), attrs) for name, rows in rows_of.items()]
    _check_elements(sections)
    if selection.region is None:
        return sections
    check_key(selection.region, [section.element or section.name for section in sections], "region")
    return [section for section in sections if (section.element or section.name) == selection.region]


def _check_elements(sections: list[Section]) -> None:
    """Refuse names of elements and sections that SpatialData writes to a store and does not read back."""
    names = pd.Series([section.element for section in sections if section.element is not None]).drop_duplicates()
    alike = names[names.str.lower().duplicated(keep=False)]
    if len(alike):
        raise ValueError(
            f"Elements {quote_names(alike, 4)} differ in capital letters alone: SpatialData writes them, but does not "
            "read the store again. Rename one of them, and its region in the table."
        )
    sections_in_store = pd.Series([section.name for section in sections if section.sdata is not None], dtype=object)
    alike = sections_in_store[sections_in_store.str.lower().duplicated(keep=False)]
    if len(alike):
        raise ValueError(
            f"Sections {quote_names(alike, 4)} differ in capital letters alone: SpatialData does not read a store "
            "again that holds results of two sections named so. Rename one of them."
        )


def _check_stored(names: Iterable[str], column: str) -> None:
    """Refuse names of sections that no file holds: no null character, no lone surrogate."""
    if wrong := [name for name in names if re.search("[\0\ud800-\udfff]", name)]:
        raise ValueError(
            f"obs[{column!r}] names a section {quote_names(wrong, 3)}, with a character that no file holds. Rename it, "
            "for example with `.str.replace`."
        )


def _check_apart(names: pd.Series, texts: np.ndarray, column: str) -> None:
    """Refuse several values that are one name as text, such as 1 and "1", and one value of several texts: 1 and 1.0."""
    codes, values = pd.factorize(names.astype(object))
    pairs = pd.DataFrame({"text": texts, "value": codes}).drop_duplicates()
    mixed = pairs[pairs["text"].duplicated(keep=False) | pairs["value"].duplicated(keep=False)]
    if len(mixed):
        kinds = sorted({type(value).__name__ for value in names[names.isin(values[mixed["value"]])]})
        raise ValueError(
            f"obs[{column!r}] names sections by {' and '.join(kinds)}: {quote_names(mixed['text'], 4)} may be one "
            f"section or several. Make them all text: `adata.obs[{column!r}] = adata.obs[{column!r}].astype(str)`."
        )


def _attrs(table: AnnData) -> Mapping[str, Any] | None:
    """Return what the table says of the elements it annotates, checked; None if it annotates none."""
    attrs = table.uns.get("spatialdata_attrs")
    if not attrs:
        return None
    for name in ("region_key", "instance_key"):
        check_key(name, attrs, "entry of uns['spatialdata_attrs']", hint=_ATTRS)
        check_key(attrs[name], table.obs.columns, f"obs column ({name} of the table)", hint=_ATTRS)
    return attrs


def _single_name(table: AnnData) -> str:
    spatial = table.uns.get(Keys.SPATIAL)
    return str(next(iter(spatial))) if isinstance(spatial, Mapping) and len(spatial) == 1 else "section"


def _section(data: Any, table: AnnData, name: str, rows: np.ndarray, attrs: Mapping[str, Any] | None) -> Section:
    on_tissue = _on_tissue(table.obs.iloc[rows])
    if not on_tissue.any():
        raise ValueError(
            f"Section {name!r} has no spot on tissue: obs[{Keys.IN_TISSUE!r}] is 0 throughout. Delete the column if it "
            "is wrong, or leave the section out."
        )
    rows, off_tissue = rows[on_tissue], rows[~on_tissue]
    if not is_spatialdata(data):
        return Section(name, rows, table, off_tissue=off_tissue)
    if attrs is None:
        return Section(name, rows, table, sdata=data, off_tissue=off_tissue)
    elements = table.obs[attrs["region_key"]].iloc[rows].astype(str).unique()
    if len(elements) != 1:
        raise ValueError(
            f"Section {name!r} spans the regions {quote_names(elements)}. A section must lie in one region: "
            "choose a `library_key` that does not mix them."
        )
    instances = table.obs[attrs["instance_key"]].to_numpy()[rows]
    return Section(name, rows, table, data, str(elements[0]), instances, off_tissue)


def _on_tissue(obs: pd.DataFrame) -> np.ndarray:
    """Find the spots on tissue, (n,) bool; all where nothing says it. Files keep the flag as number, text or bool."""
    if Keys.IN_TISSUE not in obs:
        return np.ones(len(obs), bool)
    texts = obs[Keys.IN_TISSUE].astype(str).str.strip().str.lower()
    return ~texts.isin(["0", "0.0", "false"]).to_numpy(bool)
