"""Classes of spots from what was drawn on their image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_bools, check_choice, check_positive_number, check_result_key, warn
from .._classes import MISSING, clean_name
from .._keys import Keys
from .._sections import (
    CLASS,
    Placement,
    Section,
    Selection,
    only_section,
    outlines,
    polygons_only,
    read_annotations,
    result_record,
    write_results,
)

if TYPE_CHECKING:
    from anndata import AnnData
    from geopandas import GeoDataFrame
    from spatialdata import SpatialData

IGNORED = "Ignore*"
"""Class of QuPath for what shall not count."""


def annotate(
    data: AnnData | SpatialData,
    regions: str | os.PathLike[str] | Mapping[str, Any] | list[Any] | GeoDataFrame,
    *,
    key_added: str,
    class_key: str | None = None,
    by: Literal["centroid", "area"] = "centroid",
    min_share: float = 0.5,
    default: str | None = None,
    image_key: str | None = None,
    coordinate_system: str | None = None,
    table_key: str = "table",
    library_key: str | None = None,
    region: str | None = None,
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Give spots the class of the region that a pathologist drew around them.

    Where regions overlap, the smallest one counts: a duct drawn inside a tumour is a duct; of regions of one size, the
    first. Holes are not part of a region. Spots in a region of QuPath's class ``Ignore*`` get no class, and regions of
    its class ``Region*`` have none. Detections and cells of QuPath count only if nothing was drawn.

    Parameters
    ----------
    data
        One section, or several of which ``region`` names one.
    regions
        What was drawn: a GeoJSON file of QuPath (*File, Export objects as GeoJSON*), also as ``.gz`` or ``.zip``, its
        content, a GeoDataFrame, or the name of a shapes element of the SpatialData. Coordinates are pixels of the
        image, but those of a shapes element, which its transformations place.
    key_added
        ``.obs`` column to write.
    class_key
        Column or property that holds the class; by default what QuPath calls the classification.
    by
        ``"centroid"``: the class at the centre of the spot. ``"area"``: the class that covers most of the spot, if it
        covers ``min_share`` of it.
    min_share
        Share of the spot's area, above 0 to 1; for ``by="area"``.
    default
        Class of spots that no region touches; NaN if None. With a default they count as examples of it in a fit.
    image_key
        Image that was drawn on. By default the one that :func:`extract_patches` takes; of an AnnData, the
        full-resolution one.
    coordinate_system
        Coordinate system of a SpatialData that image (or element) and spots share.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names.
    region
        Section to annotate. Other sections keep what an earlier call wrote.
    copy
        Return a copy instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written: ``.obs[key_added]``, a category; and ``.uns["spacrd"]`` says from what.

    Raises
    ------
    ValueError
        If nothing is drawn, no region has a class, regions and spots lie apart, there are several sections and none is
        named, or the column exists and was not made here.
    KeyError
        If a name is unknown.

    Examples
    --------
    >>> import spacrd
    >>> sdata = spacrd.datasets.toy_visium(n_rows=12, n_cols=12)
    >>> square = {"type": "Polygon", "coordinates": [[[0, 0], [700, 0], [700, 700], [0, 700], [0, 0]]]}
    >>> drawn = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "Tumor"}}}
    >>> spacrd.pp.annotate(sdata, drawn, key_added="qupath")
    >>> sdata["table"].obs["qupath"].cat.categories.to_list()
    ['Tumor']
    """
    check_result_key(key_added)
    check_bools(copy=copy)
    default = _checked_default(default)
    check_choice(by, ("centroid", "area"), "by")
    if check_positive_number(min_share, "min_share") > 1:
        raise ValueError(f"min_share must be a share of the spot's area, above 0 to 1, got {min_share}.")
    selection = Selection(
        table_key=table_key,
        library_key=library_key,
        region=region,
        image_key=image_key,
        coordinate_system=coordinate_system,
    )
    section = only_section(data, selection, "was drawn on")
    values = _earlier(section, key_added)
    given = Path(regions) if isinstance(regions, os.PathLike) else regions
    frame, placement = read_annotations(section, given, class_key, selection)
    frame = _usable(frame)
    _check_overlap(frame, placement.xy, section.name)
    polygon = _by_centroid(frame, placement.xy) if by == "centroid" else _by_area(frame, section, placement, min_share)
    touched = polygon >= 0
    if not touched.any():
        warn(f"Section {section.name!r}: no spot lies in any of the {len(frame)} regions.")
    values[section.off_tissue] = np.nan
    values[section.rows] = _untouched(default, placement.xy, section.name)
    drawn = frame[CLASS].to_numpy(dtype=object)[polygon[touched]]
    values[section.rows[touched]] = np.where(drawn == IGNORED, np.nan, drawn)
    record = {
        "source": os.fspath(regions) if isinstance(regions, str | os.PathLike) else "",
        "by": by,
        "coordinate_system": placement.coordinate_system or "",
        "n_regions": len(frame),
        "n_spots": int((drawn != IGNORED).sum()),
    }
    name = _record(key_added)
    sections = {**result_record(section.table, name).get("sections", {}), Keys.section(section.name): record}
    return write_results(
        data,
        table_key=table_key,
        obs={key_added: pd.Categorical(values)},
        obsm={},
        uns={name: {"sections": sections}},
        copy=copy,
    )


def _checked_default(default: str | None) -> str | None:
    """Return the class of spots that no region touches as it is written."""
    if default is None:
        return None
    if not isinstance(default, str):
        raise TypeError(f"default must be the name of a class, got {default!r} ({type(default).__name__}).")
    name = clean_name(default)
    if name.casefold() in MISSING or _tissue_class(name) in (None, IGNORED):
        raise ValueError(f"default={default!r} names no class. Leave it out, and spots outside all regions get none.")
    return name


def _usable(frame: GeoDataFrame) -> GeoDataFrame:
    """Return the polygons that have a class or are to be ignored, smallest first, and warn of what is left out."""
    frame, n_others = polygons_only(frame)
    if n_others:
        warn(f"{n_others} of the annotations are points or lines, or have no area, and were left out.")
    frame[CLASS] = frame[CLASS].map(_tissue_class)
    named, ignored = frame[CLASS].notna().to_numpy(), (frame[CLASS] == IGNORED).to_numpy()
    if not (named & ~ignored).any():
        raise ValueError(
            "No region has a class. Set one in QuPath before the export, or name the property with `class_key`."
        )
    if not named.all():
        warn(f"{int((~named).sum())} of {len(frame)} regions have no class and were left out.")
    if ignored.any():
        warn(f"{int(ignored.sum())} regions are of QuPath's class {IGNORED!r}: spots in them get no class.")
    frame = frame[named]
    return frame.iloc[np.argsort(frame.geometry.area.to_numpy(), kind="stable")].reset_index(drop=True)


def _tissue_class(name: str | None) -> str | None:
    """Return the class of a tissue: ``Region*`` of QuPath is none, and ``Ignore*`` means that there shall be none."""
    if not isinstance(name, str):
        return None
    kind = name.partition(":")[0].strip().lower()
    return IGNORED if kind in ("ignore*", "ignore") else None if kind == "region*" else name


def _untouched(default: str | None, xy: np.ndarray, name: str) -> np.ndarray:
    """Return what spots get that no region touches, object (n,); without a place they get nothing, and a warning."""
    placed = np.isfinite(xy).all(axis=1)
    if not placed.all():
        warn(
            f"Section {name!r}: {int((~placed).sum())} of {len(xy)} spots have no finite coordinates and get no class."
        )
    classes = np.full(len(xy), np.nan, dtype=object)
    classes[placed] = default if default is not None else np.nan
    return classes


def _record(key: str) -> str:
    return f"{key}_annotation"


def _earlier(section: Section, key: str) -> np.ndarray:
    """Return what an earlier call gave the rows of other sections, object (n_obs,)."""
    table = section.table
    if key not in table.obs:
        return np.full(table.n_obs, np.nan, dtype=object)
    if not result_record(table, _record(key)):
        raise ValueError(f"obs[{key!r}] exists and was not made by annotate. Choose another name with `key_added`.")
    return table.obs[key].astype(object).to_numpy(copy=True)


def _check_overlap(frame: GeoDataFrame, xy: np.ndarray, name: str) -> None:
    """Raise ValueError if all polygons lie beside the spots, or no spot has a place."""
    if not np.isfinite(xy).all(axis=1).any():
        raise ValueError(f"Section {name!r}: no spot has finite coordinates, so none lies in a region. Repair them.")
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    left, top, right, bottom = frame.total_bounds
    if right < low[0] or left > high[0] or bottom < low[1] or top > high[1]:
        raise ValueError(
            f"Section {name!r}: the regions (x {left:.6g} to {right:.6g}, y {top:.6g} to {bottom:.6g}) and the spots "
            f"(x {low[0]:.6g} to {high[0]:.6g}, y {low[1]:.6g} to {high[1]:.6g}) lie apart. Were they drawn on another "
            "image, or on a downscaled one? Name it with `image_key`."
        )


def _by_centroid(frame: GeoDataFrame, xy: np.ndarray) -> np.ndarray:
    """Find the smallest polygon at each point, (n,), -1 for none; the frame goes from small to large."""
    import shapely

    polygon, point = shapely.STRtree(shapely.points(xy)).query(frame.geometry.to_numpy(), predicate="intersects")
    smallest = np.full(len(xy), len(frame))
    np.minimum.at(smallest, point, polygon)
    return np.where(smallest < len(frame), smallest, -1)


def _by_area(frame: GeoDataFrame, section: Section, placement: Placement, min_share: float) -> np.ndarray:
    """Find a polygon of the class that covers most of each spot, (n,), -1 if none covers ``min_share`` of it."""
    import shapely

    spots = outlines(section, placement.coordinate_system)
    apart = frame.geometry.to_numpy().copy()
    tree = shapely.STRtree(apart)
    for large in range(1, len(apart)):  # what a smaller polygon covers is not the larger one's
        inside = tree.query(frame.geometry.iloc[large], predicate="intersects")
        smaller = frame.geometry.to_numpy()[inside[inside < large]]
        if len(smaller):
            apart[large] = shapely.difference(apart[large], shapely.union_all(smaller))
    spot, polygon = shapely.STRtree(apart).query(spots, predicate="intersects")
    covered = shapely.area(shapely.intersection(spots[spot], apart[polygon]))
    classes, kind = np.unique(frame[CLASS].to_numpy(dtype=str), return_inverse=True)
    shares = np.zeros((len(spots), len(classes)))
    np.add.at(shares, (spot, kind[polygon]), covered)
    shares /= np.maximum(shapely.area(spots), np.finfo(float).tiny)[:, None]
    best = shares.argmax(axis=1)
    first = np.array([np.flatnonzero(kind == number)[0] for number in range(len(classes))])
    return np.where(shares.max(axis=1) >= min_share - 1e-9, first[best], -1)
