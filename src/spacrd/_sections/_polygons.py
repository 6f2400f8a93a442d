"""Polygons that can be worked with, out of whatever was drawn, in bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import quote_names

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

MAX_CROSSINGS = 20_000
"""Crossings of the outlines of all regions with themselves: a scribble of 400 corners has as many."""
MAX_DEPTH = 50
"""How deep collections of geometries may lie in each other."""


def polygons_only(frame: GeoDataFrame) -> tuple[GeoDataFrame, int]:
    """Return the valid polygons of a frame, and how many rows held none (points, lines, empty geometries).

    Of an outline that crosses itself, what it goes around an odd number of times is inside.

    Raises
    ------
    ValueError
        If there is no polygon, a corner is not finite, or outlines cross themselves more often than can be untangled.
    """
    import shapely

    geometry = frame.geometry.to_numpy()
    corners, of = shapely.get_coordinates(geometry, return_index=True)
    if len(bad := np.unique(of[~np.isfinite(corners).all(axis=1)])):
        raise ValueError(f"{len(bad)} of {len(frame)} annotations have corners that are NaN or infinite. Remove them.")
    polygons, left = list(geometry), MAX_CROSSINGS
    done = (shapely.get_type_id(geometry) == shapely.GeometryType.POLYGON) & shapely.is_valid(geometry)
    for number in np.flatnonzero(~done):
        areas = [leaf for leaf in leaves(geometry[number]) if leaf.geom_type == "Polygon"]
        for position, area in enumerate(areas):
            if not area.is_valid:
                left -= _count_crossings(area, left)
                if left < 0:
                    raise ValueError(
                        f"The outline of region {number + 1} is a tangle: with those before it, it crosses itself more "
                        f"than {MAX_CROSSINGS:,} times. Draw its border once around."
                    )
                areas[position] = _untangled(area)
        polygons[number] = shapely.union_all(areas)
    frame = frame.set_geometry(polygons)
    areal = ~frame.geometry.is_empty
    if not areal.any():
        kinds = sorted({each.geom_type for each in geometry if each is not None})
        raise ValueError(
            f"There is no polygon among the annotations, but {quote_names(kinds or ['nothing'])}. Draw closed regions."
        )
    return frame[areal.to_numpy()].reset_index(drop=True), int((~areal).sum())


def leaves(geometry: Any) -> list[Any]:
    """List the parts of a geometry, without collections, however deep they lie.

    Raises
    ------
    ValueError
        If they lie deeper than any program writes.
    """
    import shapely

    parts = [geometry]
    for _ in range(MAX_DEPTH):
        parts = list(shapely.get_parts(parts))
        if not any(part.geom_type.startswith(("Multi", "Geometry")) for part in parts):
            return parts
    raise ValueError(f"Annotations hold collections nested deeper than {MAX_DEPTH}. Draw closed regions.")


def _segments(area: Any) -> np.ndarray:
    """Return the corners of the straight pieces of all rings of a polygon, (n, 2, 2)."""
    import shapely

    rings = [shapely.get_coordinates(ring) for ring in (area.exterior, *area.interiors)]
    pieces = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings])
    return pieces[(pieces[:, 0] != pieces[:, 1]).any(axis=1)]


def _count_crossings(area: Any, enough: int) -> int:
    """Count how often the outline of a polygon crosses itself; stop soon after ``enough``."""
    import shapely

    pieces = shapely.linestrings(_segments(area))
    tree, number = shapely.STRtree(pieces), 0
    for start in range(0, len(pieces), 256):
        some = pieces[start : start + 256]
        number += tree.query(some, predicate="intersects").shape[1] - 3 * len(some)  # itself and its neighbours
        if number > 2 * enough:  # each is found from both pieces
            break
    return max(number, 0) // 2


def _untangled(area: Any) -> Any:
    """Return what the outline of a polygon goes around an odd number of times.

    ``shapely.make_valid`` finds the same, but takes minutes for some hundred crossings.
    """
    import shapely

    pieces = _segments(area)
    if not len(pieces):
        return shapely.Polygon()
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(shapely.linestrings(pieces))]))
    points = shapely.get_coordinates(shapely.point_on_surface(faces))
    (x0, y0), (x1, y1) = pieces[:, 0].T, pieces[:, 1].T
    inside = np.zeros(len(faces), bool)
    block = max(1, 2_000_000 // len(pieces))
    for start in range(0, len(faces), block):
        x, y = points[start : start + block].T[:, :, None]
        across = (y0 <= y) != (y1 <= y)
        with np.errstate(divide="ignore", invalid="ignore"):
            right = x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
        inside[start : start + block] = (across & right).sum(axis=1) % 2 == 1
    return shapely.union_all(faces[inside])
