"""Polygons between coordinate systems: outlines of spots, and shapes kept in a SpatialData."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import quote_names
from ._centres import coordinates, match_instances
from ._elements import instances, matrix_to, transformations
from ._scale import stored_diameter
from ._section import Section

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def transform_polygons(frame: GeoDataFrame, matrix: np.ndarray) -> GeoDataFrame:
    """Apply a 3 x 3 affine matrix to the geometries of a frame."""
    return frame.set_geometry(frame.geometry.affine_transform(_six(matrix)))


def _six(matrix: np.ndarray) -> list[float]:
    """Return the numbers of a 3 x 3 matrix as shapely reads them."""
    return [*matrix[:2, :2].ravel(), *matrix[:2, 2]]


def outlines(section: Section, system: str | None) -> np.ndarray:
    """Outline each spot as a polygon in a coordinate system, object (n,); labels are discs of their area."""
    import shapely

    if section.sdata is not None and section.element in section.sdata.shapes:
        element = section.annotated_element()
        positions = match_instances(section, element.index)
        polygons = element.geometry.iloc[positions]
        if "radius" in element:
            polygons = polygons.buffer(element["radius"].to_numpy(float)[positions])
        return polygons.affine_transform(_six(matrix_to(element, str(system)))).to_numpy()
    if section.sdata is not None and section.element in section.sdata.labels:
        names, centres, sides = instances(section.annotated_element(), str(system))
        positions = match_instances(section, names)
        return shapely.buffer(shapely.points(centres[positions]), sides[positions] / np.sqrt(np.pi))
    diameter = stored_diameter(section)
    if not np.isfinite(diameter):
        raise ValueError(f"Section {section.name!r} does not say how large its spots are. Use by='centroid'.")
    return shapely.buffer(shapely.points(coordinates(section)), diameter / 2)


def square_shapes(xy: np.ndarray, side: float, names: np.ndarray | None, system: str) -> GeoDataFrame:
    """Make a shapes element of squares around centres (n, 2) in a coordinate system."""
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel
    from spatialdata.transformations import Identity

    boxes = shapely.box(*(xy - side / 2).T, *(xy + side / 2).T)
    return ShapesModel.parse(geopandas.GeoDataFrame(geometry=boxes, index=names), transformations={system: Identity()})


def check_new_shapes(section: Section, names: list[str], what: str = "Shapes") -> None:
    """Refuse names of shapes that cannot be written beside each other and the other elements, before any work.

    An element of the same name is replaced if it holds shapes; spatialdata tells no names apart that differ in case.
    """
    sdata = section.sdata
    assert sdata is not None
    elements = {name: kind for kind, name, _ in sdata.gen_elements()}
    for number, name in enumerate(names):
        if name in names[:number] or name.lower() in map(str.lower, names[:number]):
            raise ValueError(f"{what} {name!r}: two sections would have these. Rename one of the sections.")
        if name == section.element:
            raise ValueError(f"{what} {name!r} would replace the spots. Choose another name.")
        same = [other for other in elements if other.lower() == name.lower()]
        if any(other != name or elements[other] != "shapes" for other in same):
            raise ValueError(
                f"{what} {name!r} cannot be written: there is an element {quote_names(same)}. Choose another name."
            )


def store_shapes(section: Section, name: str, frame: GeoDataFrame, system: str | None) -> None:
    """Keep polygons as shapes with all transformations of the annotated element; nothing, if there are none.

    spatialdata cannot hold an element without a row.
    """
    from spatialdata.models import ShapesModel

    assert section.sdata is not None
    shapes = section.sdata.shapes
    if len(frame):
        element = section.annotated_element()
        in_element = transform_polygons(frame, np.linalg.inv(matrix_to(element, str(system))))
        parsed = ShapesModel.parse(in_element, transformations=transformations(element))
    if name in shapes:
        del shapes[name]
    if len(frame):
        shapes[name] = parsed
