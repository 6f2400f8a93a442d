"""Elements of a SpatialData: their transformations, and where their instances lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pandas as pd


def transformations(element: Any) -> dict[str, Any]:
    """Return the transformations of an element by coordinate system."""
    from spatialdata.transformations import get_transformation
    from xarray import DataTree

    holder = _finest(element) if isinstance(element, DataTree) else element
    if "transform" not in holder.attrs:
        raise ValueError(
            "An element has lost its transformations, as some operations of pandas and xarray make it. Parse it again, "
            "for example with `spatialdata.models.ShapesModel.parse(element, transformations=...)`."
        )
    return dict(get_transformation(element, get_all=True))


def matrix_to(element: Any, system: str) -> np.ndarray:
    """Return the 3 x 3 affine matrix from an element's own x and y to a coordinate system; it can be inverted.

    Raises
    ------
    ValueError
        If the transformation maps the plane onto a line or a point, or holds NaN.
    """
    from spatialdata.transformations import get_transformation

    transformation = get_transformation(element, to_coordinate_system=system)
    matrix = np.asarray(transformation.to_affine_matrix(("x", "y"), ("x", "y")), dtype=np.float64)
    if not (np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix[:2, :2]) == 2):
        raise ValueError(
            f"A transformation to coordinate system {system!r} cannot be undone, as it maps the plane onto a line or a "
            f"point: {matrix[:2].tolist()}. Set it right with `spatialdata.transformations.set_transformation`."
        )
    return matrix


def magnification(matrix: np.ndarray) -> float:
    """Return the factor by which an affine matrix stretches lengths, on average over directions."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


def usual_system(systems: set[str], element: str) -> str:
    """Choose the coordinate system in which patches of the spots of an element are cut."""
    return next((name for name in (element, "global") if name in systems), min(systems))


def instances(element: Any, system: str) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Locate the instances of an element of shapes, points or labels.

    Parameters
    ----------
    element
        The element.
    system
        Coordinate system.

    Returns
    -------
    Names; centres, (n, 2); and sizes, (n,): the diameter of circles, the side of squares of the area of polygons and
    labels, NaN of points. In units of the coordinate system.
    """
    import geopandas
    from xarray import DataArray, DataTree

    matrix = matrix_to(element, system)
    if isinstance(element, geopandas.GeoDataFrame):
        circles = "radius" in element
        sizes = 2 * element["radius"].to_numpy(float) if circles else np.sqrt(element.geometry.area.to_numpy())
        (names, centres), sizes = centres_of(element), sizes * magnification(matrix)
    elif isinstance(element, DataArray | DataTree):
        names, centres, n_pixels = _label_centres(element)
        sizes = np.sqrt(n_pixels) * magnification(matrix)
    else:
        names, centres = centres_of(element)
        sizes = np.full(len(names), np.nan)
    return names, centres @ matrix[:2, :2].T + matrix[:2, 2], sizes


def centres_of(element: Any) -> tuple[pd.Index, np.ndarray]:
    """Return the names and centres, (n, 2), of shapes or points in their own units."""
    import geopandas

    if isinstance(element, geopandas.GeoDataFrame):
        centroids = element.geometry.centroid
        return element.index, np.column_stack([centroids.x, centroids.y]).astype(np.float64)
    frame = element[["x", "y"]].compute()
    return frame.index, frame.to_numpy(np.float64)


def heights(element: Any) -> np.ndarray | None:
    """Return the third coordinate of the instances of an element, (n,); None if it has none."""
    import geopandas
    import shapely

    if isinstance(element, geopandas.GeoDataFrame):
        if not element.has_z.any():
            return None
        corners, instance = shapely.get_coordinates(element.geometry.to_numpy(), include_z=True, return_index=True)
        return np.bincount(instance, corners[:, 2], minlength=len(element)) / np.bincount(instance)
    columns = getattr(element, "columns", ())
    return np.asarray(element["z"].compute(), np.float64) if "z" in columns else None


def _finest(element: Any) -> Any:
    """Return the finest scale of a multi-scale raster."""
    return next(iter(cast(Any, element)["scale0"].values()))


def _label_centres(element: Any) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Find the numbers, centroids and pixels of the labels of a raster, block by block.

    `spatialdata.get_centroids` would load the raster as a whole.
    """
    import dask.array as da
    from xarray import DataTree

    raster: Any = _finest(element) if isinstance(element, DataTree) else element
    sums = []
    for block, top, left in _blocks(da.asarray(raster.transpose("y", "x").data)):
        rows, columns = np.nonzero(block)
        labels, label_of = np.unique(block[rows, columns], return_inverse=True)
        weights = {"n": np.ones(len(label_of)), "x": columns + left + 0.5, "y": rows + top + 0.5}
        summed = {name: np.bincount(label_of, weights=values) for name, values in weights.items()}
        sums.append(pd.DataFrame(summed, index=labels))
    total = pd.concat(sums).groupby(level=0).sum()
    return total.index, total[["x", "y"]].to_numpy() / total[["n"]].to_numpy(), total["n"].to_numpy(np.float64)


def _blocks(array: Any) -> Iterator[tuple[np.ndarray, int, int]]:
    """Load the blocks of a two-dimensional dask array one after the other, each with its first row and column."""
    tops, lefts = (np.cumsum([0, *sizes[:-1]]) for sizes in array.chunks)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            yield np.asarray(array.blocks[i, j].compute(scheduler="synchronous")), int(top), int(left)
