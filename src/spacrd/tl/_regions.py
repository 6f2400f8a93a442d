"""Called spots to regions: polygons, areas, and distances to their boundary."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_positive_int, check_positive_number
from .._interrupt import uninterrupted
from .._keys import CANCER, REGION_COLORS, Keys
from .._sections import ScoredSection, kind_of, scored_sections, write_results
from .._sections._drawn import Ground, ground, pixels_of, store_shapes
from .._sections._geojson import write_geojson

if TYPE_CHECKING:
    from anndata import AnnData
    from geopandas import GeoDataFrame
    from shapely import Geometry
    from spatialdata import SpatialData

COLUMNS = ("section", "area_mm2", "mean_likelihood", "n_spots")
ROUND = 4
"""Straight pieces of a quarter of a circle."""
CELL_REACH_UM = 20.0
"""How far the tissue of a cell reaches where its neighbours are farther: about two cells."""


def regions(
    data: AnnData | SpatialData,
    *,
    key: str = Keys.DEFAULT,
    min_spots: int = 1,
    reach_um: float | None = None,
    smooth_um: float | None = None,
    mpp: float | None = None,
    geojson: str | os.PathLike[str] | None = None,
    image_key: str | None = None,
    coordinate_system: str | None = None,
    table_key: str = "table",
    library_key: str | None = None,
) -> GeoDataFrame:
    """Outline the cancer that was called, and measure how far every spot is from it.

    Every spot stands for the tissue nearer to it than to any other spot, as far as ``reach_um``. The tissue of the
    spots called ``cancer`` is joined, and its corners are rounded. Spots called ``uncertain`` are not part of it.

    Parameters
    ----------
    data
        Scored sections.
    key
        ``key_added`` of the scoring.
    min_spots
        Regions of fewer spots are left out.
    reach_um
        How far the tissue of a spot reaches, in micrometres; by default three quarters of the distance of neighbouring
        spots, and at least 20 for cells.
    smooth_um
        Radius by which corners are rounded, in micrometres; by default a quarter of the distance of neighbouring
        spots.
    mpp
        Micrometres per unit of the coordinate system, or per full-resolution pixel; by default found as
        :func:`spacrd.pp.extract_patches` does.
    geojson
        File to write the regions of one section to, as annotations that QuPath opens, in pixels of the image.
    image_key
        Image of the ``geojson``; of an AnnData, the full-resolution one by default.
    coordinate_system
        Coordinate system of a SpatialData; by default one that the spots share with an image.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names; if None, the one that was used for scoring, if any.

    Returns
    -------
    GeoDataFrame with a row for each region, largest first: ``section``, ``area_mm2``, ``mean_likelihood`` and
    ``n_spots`` of its spots; polygons in units of the coordinate system, of an AnnData in those of
    ``obsm["spatial"]``. Empty if no cancer was called.

    Written: ``.obs["spacrd_boundary_distance"]``, float32, micrometres from the centre of each spot to the nearest
    boundary of cancer, negative inside; NaN in sections without cancer. Of a SpatialData, too:
    ``.shapes["spacrd_regions"]`` with all transformations of the spots; of several sections
    ``.shapes["spacrd_regions_<section>"]``. A section without cancer has no such element.

    Raises
    ------
    KeyError
        If there are no called regions.
    ValueError
        If the scale cannot be found, or ``geojson`` is asked of several sections.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> found = spacrd.tl.regions(section, geojson="cancer.geojson")
    >>> list(found.columns)
    ['section', 'area_mm2', 'mean_likelihood', 'n_spots', 'geometry']
    >>> "spacrd_boundary_distance" in section["table"].obs
    True
    """
    import geopandas
    import pandas as pd

    check_positive_int(min_spots, "min_spots")
    for name, value in (("reach_um", reach_um), ("smooth_um", smooth_um)):
        if value is not None:
            check_positive_number(value, name, "number of micrometres")
    sections = scored_sections(data, key=key, table_key=table_key, library_key=library_key)
    if Keys.region(key) not in sections[0].library.table.obs:
        raise KeyError(f"obs has no {Keys.region(key)!r}. Call regions with spacrd.tl.threshold first.")
    if geojson is not None and len(sections) > 1:
        raise ValueError(f"A GeoJSON belongs to one image, but there are {len(sections)} sections. Pass one of them.")
    distance = np.full(sections[0].library.table.n_obs, np.nan, dtype=np.float32)
    made = []
    for section in sections:
        place = ground(section.library, coordinate_system, mpp)
        found = _outline(section, place, min_spots, reach_um, smooth_um)
        distance[section.library.rows] = _distances(found, place)
        made.append((section.library, found, place))
    if geojson is not None:
        library, found, place = made[0]
        write_geojson(geojson, pixels_of(library, found, place.system, image_key), CANCER, REGION_COLORS[CANCER])
    obs = {Keys.boundary_distance(key): distance}
    with uninterrupted():
        write_results(data, table_key=table_key, obs=obs, obsm={}, uns={}, copy=False)
        for library, found, place in made:
            if library.sdata is not None:
                name = Keys.regions(key) if len(made) == 1 else f"{Keys.regions(key)}_{Keys.element(library.name)}"
                store_shapes(library, name, found, place.system)
    whole = [found for _, found, _ in made if len(found)]
    return geopandas.GeoDataFrame(pd.concat(whole, ignore_index=True)) if whole else made[0][1]


@dataclass(frozen=True)
class _Sizes:
    """Lengths in units of the coordinate system."""

    reach: float
    smooth: float


def _sizes(section: ScoredSection, place: Ground, reach_um: float | None, smooth_um: float | None) -> _Sizes:
    from scipy.spatial import cKDTree

    centres = np.unique(place.xy, axis=0)  # copies of a section may lie on each other
    if len(centres) < 2:
        pitch = 2 * CELL_REACH_UM / place.um_per_unit
    else:
        nearest, _ = cKDTree(centres).query(centres, k=2)
        pitch = float(np.median(nearest[:, 1]))
    reach = 0.75 * pitch
    if kind_of(section.library) == "cells":
        reach = max(reach, CELL_REACH_UM / place.um_per_unit)
    return _Sizes(
        reach if reach_um is None else reach_um / place.um_per_unit,
        pitch / 4 if smooth_um is None else smooth_um / place.um_per_unit,
    )


def _outline(
    section: ScoredSection, place: Ground, min_spots: int, reach_um: float | None, smooth_um: float | None
) -> GeoDataFrame:
    """Regions of one section, largest first."""
    import geopandas
    import shapely

    called = np.flatnonzero(section.region == CANCER)
    empty = geopandas.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[])
    if not len(called):
        return empty
    sizes = _sizes(section, place, reach_um, smooth_um)
    joined = _tissue(place.xy, called, sizes.reach)
    # Outwards and in again closes clefts, inwards and out again takes off spikes.
    smooth = joined
    for by in (sizes.smooth, -2 * sizes.smooth, sizes.smooth):
        smooth = smooth.buffer(by, quad_segs=ROUND)
    parts = np.array([part for part in shapely.get_parts(smooth) if not part.is_empty], dtype=object)
    if not len(parts):
        return empty
    part, spot = shapely.STRtree(shapely.points(place.xy[called])).query(parts, predicate="intersects")
    number = np.bincount(part, minlength=len(parts))
    total = np.bincount(part, section.likelihood[called[spot]], minlength=len(parts))
    area = shapely.area(parts) * place.um_per_unit**2 / 1e6
    kept = np.flatnonzero(number >= min_spots)
    kept = kept[np.argsort(-area[kept], kind="stable")]
    columns = [section.library.name] * len(kept), area[kept], total[kept] / number[kept], number[kept]
    return geopandas.GeoDataFrame(dict(zip(COLUMNS, columns, strict=True)), geometry=parts[kept])


def _tissue(xy: np.ndarray, called: np.ndarray, reach: float) -> Geometry:
    """Tissue nearer to a called spot than to any other spot, at most ``reach`` away."""
    import shapely

    centres, points = np.unique(xy, axis=0), shapely.points(xy[called])
    if len(centres) < 2:
        return shapely.buffer(points[0], reach)
    # A frame of far points gives the outer spots closed cells too.
    low, high = xy.min(axis=0) - 4 * reach, xy.max(axis=0) + 4 * reach
    every = shapely.voronoi_polygons(shapely.multipoints(centres), extend_to=shapely.box(*low, *high))
    cells = shapely.get_parts(every)
    spot, cell = shapely.STRtree(cells).query(points, predicate="intersects")
    cell, first = np.unique(cell, return_index=True)  # spots at one place share a cell
    middle, cells = xy[called[spot[first]]], cells[cell]
    corners, of = shapely.get_coordinates(cells, return_index=True)
    far = np.zeros(len(cells))
    np.maximum.at(far, of, np.linalg.norm(corners - middle[of], axis=1))
    # Cells that no disc cuts share their edges, which makes their union a matter of seconds for a million.
    whole = far <= reach
    discs = shapely.buffer(shapely.points(middle[~whole]), reach, quad_segs=ROUND)
    cut = shapely.union_all(shapely.intersection(discs, cells[~whole]))
    return shapely.union_all([shapely.coverage_union_all(cells[whole]), cut])


def _distances(found: GeoDataFrame, place: Ground) -> np.ndarray:
    """Micrometres to the nearest boundary, negative inside, (n,)."""
    import shapely

    if not len(found):
        return np.full(len(place.xy), np.nan)
    points, polygons = shapely.points(place.xy), found.geometry.to_numpy()
    lines = shapely.get_parts(shapely.boundary(polygons))
    pieces = np.concatenate([_segments(line) for line in lines])
    at, far = shapely.STRtree(pieces).query_nearest(points, return_distance=True, all_matches=False)
    away = np.empty(len(points))
    away[at[0]] = far
    inside = np.unique(shapely.STRtree(points).query(polygons, predicate="intersects")[1])
    away[inside] *= -1
    return away * place.um_per_unit


def _segments(line: object) -> np.ndarray:
    import shapely

    corners = shapely.get_coordinates(line)
    return shapely.linestrings(np.stack([corners[:-1], corners[1:]], axis=1))
