"""Where the instances of a spatial element lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from .._checks import quote_names

if TYPE_CHECKING:
    from ._tables import Section


def transformations(element: Any) -> dict[str, Any]:
    """Transformations of an element by coordinate system."""
    from spatialdata.transformations import get_transformation
    from xarray import DataTree

    holder = next(iter(cast(Any, element)["scale0"].values())) if isinstance(element, DataTree) else element
    if "transform" not in holder.attrs:
        raise ValueError(
            "An element has lost its transformations, as some operations of pandas and xarray make it. Parse it again, "
            "for example with `spatialdata.models.ShapesModel.parse(element, transformations=...)`."
        )
    return dict(get_transformation(element, get_all=True))


def matrix_to(element: Any, system: str) -> np.ndarray:
    """3 x 3 affine matrix from an element's own x and y to a coordinate system; it can be inverted.

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
    """Factor by which an affine matrix stretches lengths, on average over directions."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


def instances(element: Any, system: str) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Instances of an element of shapes, points or labels.

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
        middle = element.geometry.centroid
        own = np.column_stack([middle.x, middle.y]).astype(np.float64)
        circles = "radius" in element
        sizes = 2 * element["radius"].to_numpy(float) if circles else np.sqrt(element.geometry.area.to_numpy())
        index, sizes = element.index, sizes * magnification(matrix)
    elif isinstance(element, DataArray | DataTree):
        index, own, pixels = _label_centres(element)
        sizes = np.sqrt(pixels) * magnification(matrix)
    else:
        frame = element[["x", "y"]].compute()
        index, own, sizes = frame.index, frame.to_numpy(np.float64), np.full(len(frame), np.nan)
    return index, own @ matrix[:2, :2].T + matrix[:2, 2], sizes


def _same_as_text(wanted: pd.Index, index: pd.Index) -> str:
    if (index.astype(str).get_indexer(wanted.astype(str)) < 0).any():
        return ""
    return f" As text they would be the same, but they are {wanted.dtype} in the table and {index.dtype} there."


def place_instances(library: Section, index: pd.Index) -> np.ndarray:
    """Position of each row of the section among the instances of the element it annotates, (n,)."""
    wanted = pd.Index(library.instance_ids)
    if not index.is_unique:
        twice = quote_names(index[index.duplicated()], 5)
        raise ValueError(f"Element {library.region!r} has instances of the same name: {twice}.")
    found = index.get_indexer(wanted)
    if (found < 0).any():
        missing = wanted[found < 0]
        raise KeyError(
            f"{len(missing)} of {len(wanted)} rows of the table annotate instances that {library.region!r} does not "
            f"have: {quote_names(missing, 5)}.{_same_as_text(wanted, index)} "
            "Match them with `spatialdata.match_table_to_element`."
        )
    return found


def _label_centres(element: Any) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Numbers, centroids and pixels of the labels of a raster, block by block: `get_centroids` loads it whole."""
    import dask.array as da
    from xarray import DataTree

    several = isinstance(element, DataTree)
    raster: Any = next(iter(cast(Any, element)["scale0"].values())) if several else element
    blocks = da.asarray(raster.transpose("y", "x").data)
    found = []
    for block, top, left in _blocks(blocks):
        rows, columns = np.nonzero(block)
        numbers, place = np.unique(block[rows, columns], return_inverse=True)
        weights = {"n": np.ones(len(place)), "x": columns + left + 0.5, "y": rows + top + 0.5}
        sums = {name: np.bincount(place, weights=values) for name, values in weights.items()}
        found.append(pd.DataFrame(sums, index=numbers))
    total = pd.concat(found).groupby(level=0).sum()
    return total.index, total[["x", "y"]].to_numpy() / total[["n"]].to_numpy(), total["n"].to_numpy(np.float64)


def _blocks(array: Any) -> Any:
    """Blocks of a two-dimensional dask array in memory, one after the other, and their first row and column."""
    tops, lefts = (np.cumsum([0, *sizes[:-1]]) for sizes in array.chunks)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            yield np.asarray(array.blocks[i, j].compute(scheduler="synchronous")), int(top), int(left)
