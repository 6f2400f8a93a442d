"""Outline called cancer by polygons, with areas and distances to their boundary."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_micrometres, check_positive_int
from .._interrupt import uninterrupted
from .._keys import CANCER, REGION_COLORS, Keys
from .._sections import (
    Placement,
    ScoredSection,
    Selection,
    check_finite,
    check_geojson_place,
    check_new_shapes,
    kind_of,
    place_in_pixels,
    place_rows,
    scored_sections,
    store_shapes,
    transform_polygons,
    with_scale,
    write_geojson,
    write_results,
)

if TYPE_CHECKING:
    from anndata import AnnData
    from geopandas import GeoDataFrame
    from shapely import Geometry
    from spatialdata import SpatialData

COLUMNS = ("section", "area_mm2", "mean_likelihood", "n_spots")
ROUND = 4
"""Line segments of a quarter of a circle."""
CELL_REACH_UM = 20.0
"""Smallest reach of a cell in micrometres: about two cells."""


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
    """Outline the called cancer, and measure the distance of every spot to its boundary.

    The tissue of a spot is what is nearer to it than to other spots, up to ``reach_um``. The tissue of all spots called
    ``cancer`` is joined, and its corners are rounded. Spots called ``uncertain`` are not part of it.

    Parameters
    ----------
    data
        Scored sections.
    key
        ``key_added`` of the scoring.
    min_spots
        Regions of fewer spots are left out.
    reach_um
        Reach of the tissue of a spot, in micrometres; by default three quarters of the distance of neighbouring spots,
        and at least 20 for cells.
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
        If the scale cannot be found, or ``geojson`` is given for several sections or ends in another suffix.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.tl.regions(section, geojson="cancer.geojson").columns.to_list()
    ['section', 'area_mm2', 'mean_likelihood', 'n_spots', 'geometry']
    >>> "spacrd_boundary_distance" in section["table"].obs
    True
    """
    import geopandas
    import pandas as pd

    check_positive_int(min_spots, "min_spots")
    for name, value in (("reach_um", reach_um), ("smooth_um", smooth_um)):
        if value is not None:
            check_micrometres(value, name)
    if geojson is not None:
        check_geojson_place(geojson)
    selection = Selection(
        table_key=table_key, library_key=library_key, image_key=image_key, coordinate_system=coordinate_system
    )
    sections = scored_sections(data, key, selection)
    table = sections[0].section.table
    if Keys.region(key) not in table.obs:
        raise KeyError(f"obs has no {Keys.region(key)!r}. Call regions with spacrd.tl.threshold first.")
    if geojson is not None and len(sections) > 1:
        raise ValueError(f"A GeoJSON belongs to one image, but there are {len(sections)} sections. Pass one of them.")
    names = [Keys.regions(key, None if len(sections) == 1 else one.section.name) for one in sections]
    if sections[0].section.sdata is not None:
        check_new_shapes(sections[0].section, names)
    distance = np.full(table.n_obs, np.nan, dtype=np.float32)
    outlined = []
    for scored in sections:
        placement = with_scale(place_rows(scored.section, selection), scored.section, mpp)
        check_finite(placement.xy, scored.section)
        outlines = _outline(scored, placement, min_spots, reach_um, smooth_um)
        distance[scored.section.rows] = _distances(outlines, placement)
        outlined.append((scored.section, outlines, placement.coordinate_system))
    if geojson is not None:
        section, outlines, system = outlined[0]
        to_pixels = place_in_pixels(section, replace(selection, coordinate_system=system)).to_pixels
        write_geojson(geojson, transform_polygons(outlines, to_pixels), CANCER, REGION_COLORS[CANCER])
    obs = {Keys.boundary_distance(key): distance}
    with uninterrupted():
        write_results(data, table_key=table_key, obs=obs, obsm={}, uns={}, copy=False)
        for name, (section, outlines, system) in zip(names, outlined, strict=True):
            if section.sdata is not None:
                store_shapes(section, name, outlines, system)
    called = [outlines for _, outlines, _ in outlined if len(outlines)]
    return geopandas.GeoDataFrame(pd.concat(called, ignore_index=True)) if called else outlined[0][1]


@dataclass(frozen=True)
class _Sizes:
    """Hold lengths in units of the coordinate system."""

    reach: float
    smooth: float


def _sizes(scored: ScoredSection, placement: Placement, reach_um: float | None, smooth_um: float | None) -> _Sizes:
    from scipy.spatial import cKDTree

    centres = np.unique(placement.xy, axis=0)  # spots may share coordinates
    if len(centres) < 2:
        pitch = 2 * CELL_REACH_UM / placement.um_per_unit
    else:
        nearest, _ = cKDTree(centres).query(centres, k=2)
        pitch = float(np.median(nearest[:, 1]))
    reach = 0.75 * pitch
    if kind_of(scored.section) == "cells":
        reach = max(reach, CELL_REACH_UM / placement.um_per_unit)
    return _Sizes(
        reach if reach_um is None else reach_um / placement.um_per_unit,
        pitch / 4 if smooth_um is None else smooth_um / placement.um_per_unit,
    )


def _outline(
    scored: ScoredSection, placement: Placement, min_spots: int, reach_um: float | None, smooth_um: float | None
) -> GeoDataFrame:
    """Outline the regions of one section, largest first."""
    import geopandas
    import shapely

    called = np.flatnonzero(scored.region == CANCER)
    empty = geopandas.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[])
    if not len(called):
        return empty
    sizes = _sizes(scored, placement, reach_um, smooth_um)
    joined = _tissue(placement.xy, called, sizes.reach)
    # Growing and shrinking closes gaps; shrinking and growing removes spikes.
    smooth = joined
    for by in (sizes.smooth, -2 * sizes.smooth, sizes.smooth):
        smooth = smooth.buffer(by, quad_segs=ROUND)
    polygons = np.array([polygon for polygon in shapely.get_parts(smooth) if not polygon.is_empty], dtype=object)
    if not len(polygons):
        return empty
    polygon, spot = shapely.STRtree(shapely.points(placement.xy[called])).query(polygons, predicate="intersects")
    n_spots = np.bincount(polygon, minlength=len(polygons))
    total = np.bincount(polygon, scored.likelihood[called[spot]], minlength=len(polygons))
    area = shapely.area(polygons) * placement.um_per_unit**2 / 1e6
    large = np.flatnonzero(n_spots >= min_spots)
    large = large[np.argsort(-area[large], kind="stable")]
    columns = [scored.section.name] * len(large), area[large], total[large] / n_spots[large], n_spots[large]
    return geopandas.GeoDataFrame(dict(zip(COLUMNS, columns, strict=True)), geometry=polygons[large])


def _tissue(xy: np.ndarray, called: np.ndarray, reach: float) -> Geometry:
    """Join the tissue nearer to a called spot than to any other spot, at most ``reach`` away."""
    import shapely

    centres, points = np.unique(xy, axis=0), shapely.points(xy[called])
    if len(centres) < 2:
        return shapely.buffer(points[0], reach)
    # A far frame closes the cells of the outer spots.
    low, high = xy.min(axis=0) - 4 * reach, xy.max(axis=0) + 4 * reach
    voronoi = shapely.voronoi_polygons(shapely.multipoints(centres), extend_to=shapely.box(*low, *high))
    cells = shapely.get_parts(voronoi)
    spot, cell = shapely.STRtree(cells).query(points, predicate="intersects")
    cell, first = np.unique(cell, return_index=True)  # spots with equal coordinates share a cell
    middle, cells = xy[called[spot[first]]], cells[cell]
    corners, of = shapely.get_coordinates(cells, return_index=True)
    far = np.zeros(len(cells))
    np.maximum.at(far, of, np.linalg.norm(corners - middle[of], axis=1))
    # Cells that no disc cuts share their edges, which makes their union fast.
    whole = far <= reach
    discs = shapely.buffer(shapely.points(middle[~whole]), reach, quad_segs=ROUND)
    cut = shapely.union_all(shapely.intersection(discs, cells[~whole]))
    return shapely.union_all([shapely.coverage_union_all(cells[whole]), cut])


def _distances(outlines: GeoDataFrame, placement: Placement) -> np.ndarray:
    """Measure micrometres to the nearest boundary, negative inside, (n,)."""
    import shapely

    if not len(outlines):
        return np.full(len(placement.xy), np.nan)
    points, polygons = shapely.points(placement.xy), outlines.geometry.to_numpy()
    lines = shapely.get_parts(shapely.boundary(polygons))
    pieces = np.concatenate([_segments(line) for line in lines])
    nearest, length = shapely.STRtree(pieces).query_nearest(points, return_distance=True, all_matches=False)
    distance = np.empty(len(points))
    distance[nearest[0]] = length
    inside = np.unique(shapely.STRtree(points).query(polygons, predicate="intersects")[1])
    distance[inside] *= -1
    return distance * placement.um_per_unit


def _segments(line: object) -> np.ndarray:
    import shapely

    corners = shapely.get_coordinates(line)
    return shapely.linestrings(np.stack([corners[:-1], corners[1:]], axis=1))
