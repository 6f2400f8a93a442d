"""Small sections built by hand: an image whose content is known at every point, and spots on it."""

from __future__ import annotations

import functools
from typing import Any

import anndata as ad
import geopandas
import numpy as np
import pandas as pd
import shapely
from anndata import AnnData

SIZE = 600
"""Side of the tissue in coordinate units, which are pixels of the full-resolution image."""


def colour_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth image without symmetries: RGB in 0 to 255 at points of the coordinate system."""
    red = 128 + 100 * np.sin(x / 90)
    green = 128 + 100 * np.cos(y / 70 + 0.4)
    blue = 128 + 100 * np.sin((x + 2 * y) / 130)
    return np.stack([red, green, blue])


def render(to_pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image as a camera sees it through ``to_pixels``: (3, height, width) uint8, averaged over each pixel."""
    return _rendered(tuple(map(float, np.ravel(to_pixels))), height, width).copy()


@functools.lru_cache(64)
def _rendered(to_pixels: tuple[float, ...], height: int, width: int) -> np.ndarray:
    total = np.zeros((3, height, width))
    inverse = np.linalg.inv(np.reshape(to_pixels, (3, 3)))
    for dy in (0.25, 0.75):
        for dx in (0.25, 0.75):
            py, px = np.mgrid[0:height, 0:width]
            points = np.stack([px + dx, py + dy, np.ones_like(px, float)]).reshape(3, -1)
            x, y, _ = inverse @ points
            total += colour_at(x, y).reshape(3, height, width)
    return np.rint(total / 4).astype(np.uint8)


def affine(
    scale: float = 1.0, degrees: float = 0.0, flip: bool = False, size: int = SIZE
) -> tuple[np.ndarray, int, int]:
    """Matrix from coordinates to pixels with the whole tissue in view, and height and width of that view."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if flip:
        turn = np.diag([-1.0, 1.0]) @ turn
    corners = turn @ np.array([[0, size, 0, size], [0, 0, size, size]])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, -corners.min(axis=1)
    width, height = np.ceil(np.ptp(corners, axis=1) - 1e-6).astype(int)
    return matrix, int(height), int(width)


def hexagons(pitch: float = 60.0, size: int = SIZE, margin: float = 60.0) -> pd.DataFrame:
    """Visium spots: array_row, array_col, x, y."""
    rows = []
    for i, y in enumerate(np.arange(margin, size - margin + 1e-9, pitch * np.sqrt(3) / 2)):
        for j, x in enumerate(np.arange(margin + (i % 2) * pitch / 2, size - margin + 1e-9, pitch)):
            rows.append((i, 2 * j + i % 2, x, y))
    return pd.DataFrame(rows, columns=["array_row", "array_col", "x", "y"])


def make_adata(spots: pd.DataFrame | None = None, *, library: str = "one", **images: Any) -> AnnData:
    """AnnData as scanpy reads it; ``images`` are (y, x, c), by default the full-resolution image."""
    spots = hexagons() if spots is None else spots
    obs = pd.DataFrame({"array_row": spots["array_row"].to_numpy(), "array_col": spots["array_col"].to_numpy()})
    obs.index = [f"{library}-{i}" for i in range(len(obs))]
    adata = ad.AnnData(np.ones((len(obs), 2), np.float32), obs=obs)
    adata.obsm["spatial"] = spots[["x", "y"]].to_numpy(float, copy=True)
    images = images or {"fullres": render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0)}
    factors = {"spot_diameter_fullres": 39.0, "tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1}
    adata.uns["spatial"] = {library: {"images": images, "scalefactors": factors}}
    return adata


def make_sdata(
    *,
    scale: float = 1.0,
    degrees: float = 0.0,
    flip: bool = False,
    region: str = "one",
    image: str = "one_full_image",
    scale_factors: list[int] | None = None,
    chunks: Any = None,
) -> Any:
    """SpatialData as the Visium reader returns it, its image seen through another camera."""
    from spatialdata import SpatialData
    from spatialdata.models import Image2DModel, ShapesModel, TableModel
    from spatialdata.transformations import Affine, Identity

    spots = hexagons()
    matrix, height, width = affine(scale, degrees, flip)
    back = Affine(np.linalg.inv(matrix), input_axes=("x", "y"), output_axes=("x", "y"))
    element = Image2DModel.parse(
        render(matrix, height, width),
        dims=("c", "y", "x"),
        c_coords=["r", "g", "b"],
        transformations={region: back},
        scale_factors=scale_factors,
        chunks=chunks,
    )
    frame = geopandas.GeoDataFrame(
        {"radius": 19.5}, geometry=shapely.points(spots[["x", "y"]].to_numpy()), index=spots.index
    )
    circles = ShapesModel.parse(frame, transformations={region: Identity()})
    table = make_adata(spots, library=region)
    del table.uns["spatial"]
    table.obs["spot_id"], table.obs["region"] = spots.index.to_numpy(), pd.Categorical([region] * len(spots))
    table = TableModel.parse(table, region=region, region_key="region", instance_key="spot_id")
    return SpatialData(images={image: element}, shapes={region: circles}, tables={"table": table})
