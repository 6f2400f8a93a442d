"""Any image a user may bring, with spots on it, as an AnnData or a SpatialData."""

from __future__ import annotations

from typing import Any

import anndata as ad
import dask.array as da
import geopandas
import numpy as np
import pandas as pd
import shapely
from hypothesis import strategies as st
from spatialdata import SpatialData
from spatialdata.models import Image2DModel, PointsModel, ShapesModel, TableModel
from spatialdata.transformations import Affine, Identity, Scale

from .tables import mostly

SIZE = 160
"""Side of the usual image in pixels."""

CHOICES = {
    "container": st.sampled_from(["anndata", "spatialdata", "spatialdata"]),
    "n": st.one_of(mostly(9, 0, 1, 2, 40), st.integers(0, 40)),
    "seed": st.integers(0, 99),
    "size": mostly((SIZE, SIZE), (1, 1), (1, 200), (200, 3), (40, 300)),
    "channels": mostly(3, 1, 2, 4, 5, 0),
    "dtype": mostly("uint8", "uint16", "float32", "float64", "float16", "bool", "int16", "uint32", "complex64"),
    "values": mostly("noise", "black", "white", "above one", "negative", "NaN", "infinite", "some NaN"),
    "names": mostly(None, "rgb", "bgr", "numbers", "RGBA", "text"),
    "axes": mostly("cyx", "yxc"),
    "chunks": mostly(None, (1, 64, 64), (3, 7, 13), (3, 1000, 1), (2, 50, 50)),
    "pyramid": mostly(None, (2,), (2, 2), (4,)),
    "view": mostly("identity", "double", "turned", "mirrored", "flat", "elsewhere"),
    "spots": mostly("circles", "squares", "points", "sizes", "no size", "huge", "tiny"),
    "places": mostly("inside", "border", "some off", "all off", "swapped", "one place", "some NaN", "all NaN"),
    "table": mostly("whole", "shuffled", "filtered", "view", "missing", "no region"),
    "array": mostly("none", "grid", "text", "constant"),
    "scale": mostly(1.0, None, 0.3, 1e-9, 1e9, float("nan")),
    "side": mostly(None, 30.0, 1e-6, 1e9, 0.0),
}  # fmt: skip
images = st.fixed_dictionaries(CHOICES)


def arguments_of(spec: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``extract_patches``."""
    found = {"mpp": spec["scale"], "patch_um": spec["side"]}
    return {name: value for name, value in found.items() if value is not None}


def build(spec: dict[str, Any]) -> Any:
    """The section, or None if its container cannot hold it."""
    pixels = _pixels(spec)
    xy = _places(spec)
    if spec["container"] == "anndata":
        return _anndata(spec, pixels, xy)
    try:
        return _spatialdata(spec, pixels, xy)
    except Exception:  # what spatialdata cannot hold, nobody can bring
        return None


def _pixels(spec: dict[str, Any]) -> np.ndarray:
    """(channels, height, width)."""
    rng = np.random.default_rng(spec["seed"])
    dtype = np.dtype(spec["dtype"])
    top = 1.0 if dtype.kind in "fcb" else float(np.iinfo(dtype).max)
    values = rng.random((spec["channels"], *spec["size"])) * top
    kind = spec["values"]
    if kind in ("black", "white"):
        values[:] = 0 if kind == "black" else top
    elif dtype.kind in "fc" and values.size:
        replaced = {"above one": 200.0, "negative": -1.0, "NaN": np.nan, "infinite": np.inf, "some NaN": np.nan}
        if kind in replaced:
            values[..., :: 1 if kind == "NaN" else 5] = replaced[kind]
    with np.errstate(all="ignore"):
        return (values > 0.5) if dtype.kind == "b" else values.astype(dtype)


def _places(spec: dict[str, Any]) -> np.ndarray:
    """Spot centres in pixels of the image, (n, 2) as x, y."""
    height, width = spec["size"]
    rng = np.random.default_rng(spec["seed"] + 1)
    xy = rng.random((spec["n"], 2)) * [width, height]
    kind = spec["places"]
    if kind == "border" and len(xy):
        xy[0], xy[-1] = [0, 0], [width, height]
    elif kind == "one place":
        xy[:] = [width / 2, height / 2]
    elif kind == "swapped":
        xy = xy[:, ::-1].copy()
    elif kind in ("some off", "all off"):
        xy[:: 1 if kind == "all off" else 3] += 1e4
    elif kind in ("some NaN", "all NaN"):
        xy[:: 1 if kind == "all NaN" else 3] = np.nan
    return xy


def _table(spec: dict[str, Any], n: int) -> ad.AnnData:
    table = ad.AnnData(np.ones((n, 2), np.float32), obs=pd.DataFrame(index=[f"s{i}" for i in range(n)]))
    row, column = np.divmod(np.arange(n), 5)
    if spec["array"] != "none":
        constant, text = np.zeros(n, int), np.full(n, "a", dtype=object)
        row, column = {"constant": (constant, constant), "text": (text, text)}.get(spec["array"], (row, column))
        table.obs["array_row"], table.obs["array_col"] = row, column
    return table


def _anndata(spec: dict[str, Any], pixels: np.ndarray, xy: np.ndarray) -> ad.AnnData:
    table = _table(spec, len(xy))
    table.obsm["spatial"] = xy * 2
    image: Any = pixels.transpose(1, 2, 0)
    if spec["axes"] == "cyx" and spec["names"] == "text":
        image = pixels  # channels first, where scanpy has them last
    if spec["channels"] == 1 and spec["names"] == "numbers":
        image = image[..., 0]
    if spec["chunks"] is not None:
        image = da.from_array(image, chunks=64)
    factors = {"tissue_hires_scalef": 0.5}
    if spec["spots"] != "no size":
        factors["spot_diameter_fullres"] = {"huge": 1e6, "tiny": 1e-6}.get(spec["spots"], 40.0)
    table.uns["spatial"] = {"one": {"images": {"hires": image}, "scalefactors": factors}}
    if spec["table"] == "shuffled":
        return table[np.random.default_rng(0).permutation(table.n_obs)].copy()
    return table[1:] if spec["table"] == "view" and table.n_obs else table


def _matrix(spec: dict[str, Any]) -> np.ndarray:
    """From pixels to the coordinate system."""
    c, s = np.cos(0.5), np.sin(0.5)
    return {
        "double": np.diag([2.0, 2.0, 1.0]),
        "turned": np.array([[c, -s, 50.0], [s, c, 9.0], [0, 0, 1]]),
        "mirrored": np.array([[-1.0, 0, 500], [0, 1, 0], [0, 0, 1]]),
        "flat": np.diag([1.0, 0.0, 1.0]),
    }.get(spec["view"], np.eye(3))


def _spatialdata(spec: dict[str, Any], pixels: np.ndarray, xy: np.ndarray) -> SpatialData:
    matrix = _matrix(spec)
    affine = Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y"))
    placed = Scale([2.0, 2.0], axes=("x", "y")) if spec["view"] == "double" else affine
    names = {"rgb": list("rgb"), "bgr": list("bgr"), "RGBA": list("RGBA"), "text": ["DAPI", "a", "b"]}.get(
        spec["names"]
    )
    dims = tuple(spec["axes"])
    image = Image2DModel.parse(
        pixels if dims == ("c", "y", "x") else pixels.transpose(1, 2, 0),
        dims=dims,
        c_coords=names if names is not None and len(names) == len(pixels) else None,
        scale_factors=list(spec["pyramid"]) if spec["pyramid"] else None,
        chunks=spec["chunks"],
        transformations={"elsewhere" if spec["view"] == "elsewhere" else "one": placed},
    )
    here = xy @ matrix[:2, :2].T + matrix[:2, 2]
    element = _element(spec, here)
    n = len(here)
    table = _table(spec, n)
    table.obs["region"] = pd.Categorical(["spots"] * n, categories=["spots"])
    table.obs["spot_id"] = np.arange(n) + (1 if spec["table"] == "missing" else 0)
    if spec["table"] == "filtered":
        table = table[table.n_obs // 2 :].copy()
    if spec["table"] == "shuffled":
        table = table[np.random.default_rng(0).permutation(table.n_obs)].copy()
    if spec["table"] != "no region":
        table = TableModel.parse(table, region="spots", region_key="region", instance_key="spot_id")
    return SpatialData.init_from_elements({"image": image, "spots": element, "table": table})


def _element(spec: dict[str, Any], xy: np.ndarray) -> Any:
    kind, where = spec["spots"], {"one": Identity()}
    if kind == "points":
        return PointsModel.parse(pd.DataFrame(xy, columns=["x", "y"]), transformations=where)
    if kind == "squares":
        boxes = shapely.box(*(xy - 10).T, *(xy + 10).T)
        return ShapesModel.parse(geopandas.GeoDataFrame(geometry=boxes), transformations=where)
    radius = {"sizes": np.linspace(5, 30, len(xy)), "huge": 1e6, "tiny": 1e-6}.get(kind, 20.0)
    frame = geopandas.GeoDataFrame({"radius": np.broadcast_to(radius, len(xy)).copy()}, geometry=shapely.points(xy))
    return ShapesModel.parse(frame, transformations=where)
