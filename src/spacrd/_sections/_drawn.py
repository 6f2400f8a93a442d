"""Rows of a section and things drawn on its image, in one coordinate system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, quote_names
from ._centres import instances, matrix_to, place_instances, transformations
from ._geojson import CLASS, class_name, is_content, read_geojson
from ._images import NoImageError, place_image, place_rows
from ._scale import stored_diameter
from ._tables import Section, check_finite, coordinates

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


BEYOND = 0.1
"""How far regions may reach beyond the image they were drawn on, in its sides."""


@dataclass(frozen=True)
class Canvas:
    """A coordinate system that rows and drawings share.

    Attributes
    ----------
    xy
        Centres of the rows of the section, (n, 2).
    system
        Name of the coordinate system; None for AnnData.
    to_pixels
        3 x 3 matrix from it to pixels of the image; for AnnData without a named image, to full-resolution pixels.
    image
        Name, width and height of the image; None without one.
    """

    xy: np.ndarray
    system: str | None
    to_pixels: np.ndarray
    image: tuple[str, int, int] | None = None


def canvas(library: Section, image_key: str | None, coordinate_system: str | None) -> Canvas:
    """Coordinate system of an image, and the rows in it.

    Raises
    ------
    ValueError
        If there is no image, or several and none is named; ``NoImageError`` in the first case.
    """
    if library.sdata is None and image_key is None:
        return Canvas(coordinates(library), None, np.eye(3))
    name, pyramid, xy, _, system = place_image(library, image_key, coordinate_system)
    return Canvas(xy, system, pyramid.to_pixels, (name, pyramid.width, pyramid.height))


def drawn(
    library: Section, regions: Any, class_key: str | None, image_key: str | None, coordinate_system: str | None
) -> tuple[GeoDataFrame, Canvas]:
    """Polygons with their class (column ``"class"``) and the rows, in one coordinate system.

    ``regions`` are the name of a shapes element, a GeoDataFrame or GeoJSON. What has spatialdata's transformations is
    brought along by them; anything else is in pixels of the image.
    """
    import geopandas

    if isinstance(regions, str) and library.sdata is not None and regions in library.sdata.shapes:
        regions = library.sdata.shapes[regions]
    if isinstance(regions, geopandas.GeoDataFrame):
        own = transformations(regions) if "transform" in regions.attrs else None
        frame = geopandas.GeoDataFrame({CLASS: _classes(regions, class_key)}, geometry=_areas(regions))
    elif isinstance(regions, str | Path | Mapping | list | tuple):
        named = regions if isinstance(regions, str) and not is_content(regions) else None
        if named is not None and library.sdata is not None and not Path(named).exists():
            check_key(named, library.sdata.shapes, "shapes element or file")
        own, frame = None, read_geojson(regions, class_key)
    else:
        raise TypeError(
            "regions must be the name of a shapes element, a GeoDataFrame, or GeoJSON (a path or its content), got"
            f" {type(regions).__name__}."
        )
    if own is not None and library.sdata is not None:
        xy, system = _shared_with(library, own, coordinate_system)
        matrix = matrix_to(regions, system)
        place = Canvas(xy, system, np.eye(3))
    else:
        try:
            place = canvas(library, image_key, coordinate_system)
        except NoImageError as error:
            raise ValueError(
                f"{error} Annotations in pixels cannot be placed without it: add the image they were drawn on, or "
                "pass them as a shapes element with transformations."
            ) from error
        _check_on_image(frame, place)
        matrix = np.linalg.inv(place.to_pixels)
    return frame.set_geometry(frame.geometry.affine_transform(_six(matrix))), place


def _check_on_image(frame: GeoDataFrame, place: Canvas) -> None:
    """Refuse pixels that the image does not have: they are those of a larger one."""
    if place.image is None:
        return
    name, *size = place.image
    low, high = np.split(frame.total_bounds, 2)
    room = BEYOND * np.array(size)
    if (low < -room).any() or (high > size + room).any():
        raise ValueError(
            f"The regions span x {low[0]:.0f} to {high[0]:.0f} and y {low[1]:.0f} to {high[1]:.0f}, but image "
            f"{name!r} has {size[0]} x {size[1]} px. Were they drawn on another one? Name it with `image_key`; if the "
            "section does not hold it, pass the regions as a shapes element with the transformations of that image."
        )


def _shared_with(library: Section, own: Mapping[str, Any], wanted: str | None) -> tuple[np.ndarray, str]:
    assert library.sdata is not None and library.region is not None
    element = library.sdata[library.region]
    shared = {name: None for name in transformations(element) if name in own}
    if wanted is not None:
        check_key(wanted, shared, f"coordinate system that {library.region!r} and the annotations share")
        shared = {wanted: None}
    if not shared:
        check_key(next(iter(own)), transformations(element), f"coordinate system of {library.region!r}")
    system = next(iter(shared))
    index, centres, _ = instances(element, system)
    return centres[place_instances(library, index)], system


def _areas(frame: GeoDataFrame) -> np.ndarray:
    """Geometries of a frame; those of circles, which spatialdata keeps as points and radii, as polygons."""
    if "radius" in frame and (frame.geometry.geom_type == "Point").all():
        return frame.geometry.buffer(frame["radius"].to_numpy(float)).to_numpy()
    return frame.geometry.to_numpy()


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


def outlines(library: Section, system: str | None) -> np.ndarray:
    """Outline of each row as a polygon in a coordinate system, object (n,); labels are discs of their area."""
    import shapely

    if library.sdata is not None and library.region in library.sdata.shapes:
        element = library.sdata.shapes[library.region]
        matrix = matrix_to(element, str(system))
        found = element.geometry.iloc[place_instances(library, element.index)]
        if "radius" in element:
            radius = element["radius"].to_numpy(float)[place_instances(library, element.index)]
            found = found.buffer(radius)
        return found.affine_transform(_six(matrix)).to_numpy()
    if library.sdata is not None and library.region in library.sdata.labels:
        index, centres, sides = instances(library.sdata.labels[library.region], str(system))
        at = place_instances(library, index)
        return shapely.buffer(shapely.points(centres[at]), sides[at] / np.sqrt(np.pi))
    diameter = stored_diameter(library)
    if not np.isfinite(diameter):
        raise ValueError(f"Section {library.name!r} does not say how large its spots are. Use by='centroid'.")
    return shapely.buffer(shapely.points(coordinates(library)), diameter / 2)


@dataclass(frozen=True)
class Ground:
    """Where the rows lie, how large a unit is, and how to bring polygons back to the element.

    Attributes
    ----------
    xy
        Centres, (n, 2), in units of the coordinate system.
    um_per_unit
        Micrometres per unit.
    system
        Coordinate system; None for AnnData.
    """

    xy: np.ndarray
    um_per_unit: float
    system: str | None


def ground(library: Section, coordinate_system: str | None, mpp: float | None) -> Ground:
    """Rows of a section and their scale."""
    xy, scale, system = place_rows(library, coordinate_system, mpp)
    check_finite(xy, library)
    return Ground(xy, scale.um_per_unit, system)


def pixels_of(library: Section, frame: GeoDataFrame, system: str | None, image_key: str | None) -> GeoDataFrame:
    """Polygons in a coordinate system, brought to pixels of an image."""
    matrix = canvas(library, image_key, system).to_pixels
    return frame.set_geometry(frame.geometry.affine_transform(_six(matrix)))


def store_shapes(library: Section, name: str, frame: GeoDataFrame, system: str | None) -> None:
    """Keep polygons as shapes with all transformations of the element the rows annotate; nothing, if there are none.

    spatialdata cannot hold an element without a row.
    """
    from spatialdata.models import ShapesModel

    assert library.sdata is not None and library.region is not None
    if not len(frame):
        if name in library.sdata.shapes:
            del library.sdata.shapes[name]
        return
    element = library.sdata[library.region]
    back = np.linalg.inv(matrix_to(element, str(system)))
    own = frame.set_geometry(frame.geometry.affine_transform(_six(back)))
    parsed = ShapesModel.parse(own, transformations=transformations(element))
    if name in library.sdata.shapes:
        del library.sdata.shapes[name]
    library.sdata.shapes[name] = parsed


def _six(matrix: np.ndarray) -> list[float]:
    """Numbers of a 3 x 3 matrix as shapely reads them."""
    return [*matrix[:2, :2].ravel(), *matrix[:2, 2]]
