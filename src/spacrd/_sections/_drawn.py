"""What was drawn on an image: polygons with classes, and the spots, in one coordinate system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, quote_names, warn
from .._files import checked_path
from ._centres import coordinates
from ._class_names import class_name
from ._elements import matrix_to, transformations
from ._geojson import CLASS, KIND, is_content, read_geojson
from ._images import NoImageError
from ._placement import Placement, place_in_system, place_on_image
from ._section import Section
from ._selection import Selection
from ._shapes import transform_polygons

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


BEYOND = 0.1
"""How far annotations may reach beyond the image they were drawn on, in its sides."""
DETECTIONS = {
    *("detection", "cell", "tile", "tma_core", "root"),
    *("pathdetectionobject", "pathcellobject", "pathtileobject", "tmacoreobject", "pathrootobject"),
}
"""Kinds of objects of QuPath, by the names of its versions, that nobody drew."""


def read_annotations(
    section: Section, regions: Any, class_key: str | None, selection: Selection
) -> tuple[GeoDataFrame, Placement]:
    """Read polygons with their class (column ``"class"``), and place the spots in the same coordinate system.

    Parameters
    ----------
    section
        The section.
    regions
        Name of a shapes element, a GeoDataFrame or GeoJSON. What has transformations of spatialdata is placed by
        them; anything else is in pixels of the image.
    class_key
        Column or property that holds the class.
    selection
        ``image_key``: image whose pixels are meant. ``coordinate_system``: one that it and the spots share.
    """
    import geopandas

    if isinstance(regions, str) and section.sdata is not None and regions in section.sdata.shapes:
        regions = section.sdata.shapes[regions]
    if isinstance(regions, geopandas.GeoDataFrame):
        columns = {CLASS: _classes(regions, class_key), KIND: _kinds(regions)}
        frame = _drawn_alone(geopandas.GeoDataFrame(columns, geometry=_areas(regions)))
        if "transform" in regions.attrs and section.sdata is not None:
            placement = _place_beside(section, transformations(regions), selection)
            return transform_polygons(frame, matrix_to(regions, str(placement.coordinate_system))), placement
    elif isinstance(regions, str | Path | Mapping | list | tuple):
        path = regions if isinstance(regions, str) and not is_content(regions) else None
        if path is not None and section.sdata is not None and not checked_path(path, "regions").exists():
            check_key(path, section.sdata.shapes, "shapes element or file")
        frame = _drawn_alone(read_geojson(regions, class_key))
    else:
        raise TypeError(
            "regions must be the name of a shapes element, a GeoDataFrame, or GeoJSON (a path or its content), got"
            f" {type(regions).__name__}."
        )
    try:
        placement = place_in_pixels(section, selection)
    except NoImageError as error:
        raise ValueError(
            f"{error} Annotations in pixels cannot be placed without it: add the image they were drawn on, or "
            "pass them as a shapes element with transformations."
        ) from error
    _check_on_image(frame, placement)
    return transform_polygons(frame, np.linalg.inv(placement.to_pixels)), placement


def place_in_pixels(section: Section, selection: Selection) -> Placement:
    """Place spots so that ``to_pixels`` leads to the image: of an AnnData, by default to the full-resolution one.

    Raises
    ------
    ValueError
        If there is no image, or several and none is named; ``NoImageError`` in the first case.
    """
    if section.sdata is None and selection.image_key is None:
        return Placement(coordinates(section), None)
    return place_on_image(section, selection)


def _check_on_image(frame: GeoDataFrame, placement: Placement) -> None:
    """Raise ValueError for pixels that the image does not have: they are those of a larger one."""
    if placement.image is None:
        return
    size = np.array([placement.pyramid.width, placement.pyramid.height])
    low, high = np.split(frame.total_bounds, 2)
    margin = BEYOND * size
    if (low < -margin).any() or (high > size + margin).any():
        raise ValueError(
            f"The regions span x {low[0]:.6g} to {high[0]:.6g} and y {low[1]:.6g} to {high[1]:.6g}, but image "
            f"{placement.image_name!r} has {size[0]} x {size[1]} px. Were they drawn on another one? Name it with "
            "`image_key`; if the section does not hold it, pass the regions as a shapes element with the "
            "transformations of that image."
        )


def _place_beside(section: Section, systems: Mapping[str, Any], selection: Selection) -> Placement:
    """Place spots in one of the coordinate systems of the annotations."""
    of_spots = transformations(section.annotated_element())
    shared = [name for name in of_spots if name in systems]
    if selection.coordinate_system is not None:
        what = f"coordinate system that {section.element!r} and the annotations share"
        shared = [check_key(selection.coordinate_system, shared, what)]
    if not shared:
        check_key(next(iter(systems)), of_spots, f"coordinate system of {section.element!r}")
    return place_in_system(section, shared[0])


def _areas(frame: GeoDataFrame) -> np.ndarray:
    """Return the geometries of a frame; circles, which spatialdata keeps as points and radii, as polygons."""
    if "radius" in frame and (frame.geometry.geom_type == "Point").all():
        return frame.geometry.buffer(frame["radius"].to_numpy(float)).to_numpy()
    return frame.geometry.to_numpy()


def _drawn_alone(frame: GeoDataFrame) -> GeoDataFrame:
    """Return the annotations; detections, cells and tiles of QuPath only if there is nothing else. Either is said."""
    detected = np.array([kind.lower() in DETECTIONS for kind in frame[KIND]], dtype=bool)
    n = int(detected.sum())
    if 0 < n == len(frame):
        warn(f"All {n} regions are detections or cells of QuPath, no annotations: a spot takes the class of one cell.")
    elif n:
        warn(f"{n} detections, cells or tiles of QuPath were left out: the {len(frame) - n} annotations count.")
    return frame if n == len(frame) else frame[~detected].reset_index(drop=True)


def _kinds(frame: GeoDataFrame) -> list[str]:
    """Return what QuPath calls the kind of each object, if its column came along."""
    column = next((frame[name] for name in ("objectType", "object_type") if name in frame), None)
    return [""] * len(frame) if column is None else [str(kind) for kind in column]


def _classes(frame: GeoDataFrame, class_key: str | None) -> list[str | None]:
    if frame._geometry_column_name is None or not frame.columns.is_unique:
        raise ValueError(
            "A GeoDataFrame of annotations must have a geometry and columns of different names, but has columns "
            f"{quote_names(frame.columns)}."
        )
    columns = [name for name in frame.columns if name not in (frame.geometry.name, "radius")]
    if class_key is None:
        likely = [name for name in (CLASS, "classification", "name") if name in columns]
        class_key = likely[0] if likely else columns[0] if len(columns) == 1 else None
    if class_key is None:
        raise ValueError(f"Which column holds the class? Name one of {columns} with `class_key`.")
    check_key(class_key, columns, "column of the annotations", hint="Name the column of classes with `class_key`.")
    return [class_name(value) for value in frame[class_key]]
