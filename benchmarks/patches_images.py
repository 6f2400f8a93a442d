"""Large made-up images on disk, the spots on them, and other ways to cut squares around these."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import tifffile
import zarr
from scipy.ndimage import gaussian_filter

SIDE, TILE, CHUNK = 224, 512, 1024
N = 4000


def texture(seed: int) -> np.ndarray:
    """Something that compresses like H&E: pink ground, purple grains, and the noise of a camera."""
    rng = np.random.default_rng(seed)
    scales = [gaussian_filter(rng.standard_normal((CHUNK, CHUNK)), sigma, mode="wrap") for sigma in (40, 5, 1.2)]
    coarse, middle, fine = (scale / scale.std() for scale in scales)
    grains = 1 / (1 + np.exp(-4 * (middle - 1)))
    planes = [
        base - eosin * (0.5 + 0.4 * coarse) - hematoxylin * grains + 6 * fine + 2 * rng.standard_normal(fine.shape)
        for base, eosin, hematoxylin in ((225, 25, 110), (185, 40, 110), (215, 20, 60))
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def make_image(folder: Path, size: int) -> None:
    """Write an image as a zarr with chunks of (3, 1024, 1024) and as a TIFF with JPEG tiles, unless it is there."""
    textures = [texture(seed) for seed in range(6)]

    def block(y: int, x: int) -> np.ndarray:
        return np.roll(textures[(y * 7 + x * 3) % 6], (y * 131, x * 197), (0, 1))

    if not path_of(folder, "zarr", size).exists():
        count = -(-size // CHUNK)
        stored = zarr.create_array(
            str(path_of(folder, "zarr", size)), shape=(3, size, size), chunks=(3, CHUNK, CHUNK), dtype="uint8"
        )
        for y in range(count):
            row = np.concatenate([block(y, x) for x in range(count)], axis=1)[: size - y * CHUNK, :size]
            stored[:, y * CHUNK : (y + 1) * CHUNK] = row.transpose(2, 0, 1)

    def tiles() -> Iterator[np.ndarray]:
        for y in range(0, size, TILE):
            for x in range(0, size, TILE):
                whole = block(y // CHUNK, x // CHUNK)
                top, left = y % CHUNK, x % CHUNK
                yield np.ascontiguousarray(whole[top : top + TILE, left : left + TILE])

    if not path_of(folder, "tiff", size).exists():
        tifffile.imwrite(
            path_of(folder, "tiff", size),
            tiles(),
            shape=(size, size, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            compression="jpeg",
            compressionargs={"level": 85},
            photometric="rgb",
            bigtiff=True,
        )


def path_of(folder: Path, kind: str, size: int) -> Path:
    """Where an image lies."""
    return folder / f"{size}.{'zarr' if kind == 'zarr' else 'tif'}"


def open_lazily(folder: Path, kind: str, size: int) -> da.Array:
    """(3, height, width), as spatialdata gives it."""
    if kind == "zarr":
        return da.from_zarr(str(path_of(folder, kind, size)))
    return da.from_zarr(zarr.open(tifffile.imread(path_of(folder, kind, size), aszarr=True), mode="r")).transpose(
        2, 0, 1
    )


def spots(size: int, n: int = N) -> np.ndarray:
    """Centres of whole-pixel squares all over an image, row by row, (n, 2)."""
    count = int(np.ceil(np.sqrt(n)))
    along = np.rint((np.arange(count) + 0.5) * size / count)
    return np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)[:n]


def section(image: da.Array | np.ndarray, xy: np.ndarray, side: float = SIDE) -> ad.AnnData:
    """The image and its spots as scanpy reads them; ``image`` is (3, height, width)."""
    made = ad.AnnData(np.ones((len(xy), 1), np.float32), obs=pd.DataFrame(index=pd.RangeIndex(len(xy)).astype(str)))
    made.obsm["spatial"] = xy
    factors = {"spot_diameter_fullres": float(side), "tissue_hires_scalef": 1.0}
    made.uns["spatial"] = {"one": {"images": {"fullres": image.transpose(1, 2, 0)}, "scalefactors": factors}}
    return made


def decode(folder: Path, kind: str, size: int) -> Callable[[], Any]:
    """Decode every tile once and do nothing else: the limit."""
    if kind == "zarr":
        stored = zarr.open_array(str(path_of(folder, kind, size)), mode="r")

        def all_chunks() -> None:
            for y in range(0, size, CHUNK):
                for x in range(0, size, CHUNK):
                    stored[:, y : y + CHUNK, x : x + CHUNK]

        return all_chunks

    def all_tiles() -> None:
        with tifffile.TiffFile(path_of(folder, kind, size)) as file:
            page = file.pages[0]
            decoder, tables = page.decode, page.jpegtables
            for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
                file.filehandle.seek(offset)
                decoder(file.filehandle.read(count), index, jpegtables=tables)

    return all_tiles


def dask_per_patch(image: da.Array, xy: np.ndarray) -> list[np.ndarray]:
    """One compute for each patch."""
    lows = xy.astype(int) - SIDE // 2
    return [image[:, y : y + SIDE, x : x + SIDE].compute() for x, y in lows]


def squidpy_crops(image: da.Array, xy: np.ndarray) -> list[np.ndarray]:
    """``squidpy.im.ImageContainer.generate_spot_crops``."""
    import squidpy

    table = section(image, xy)
    container = squidpy.im.ImageContainer(image.transpose(1, 2, 0), layer="image", lazy=True)
    crops = container.generate_spot_crops(table, library_id=None, spatial_key="spatial", as_array="image", squeeze=True)
    return [np.asarray(crop) for crop in crops]


def spatialdata_tiles(image: da.Array, xy: np.ndarray) -> list[np.ndarray]:
    """``spatialdata.dataloader.ImageTilesDataset``."""
    import geopandas
    import shapely
    from spatialdata import SpatialData
    from spatialdata.dataloader import ImageTilesDataset
    from spatialdata.models import Image2DModel, ShapesModel

    frame = geopandas.GeoDataFrame({"radius": np.full(len(xy), SIDE / 2)}, geometry=shapely.points(xy))
    sdata = SpatialData(
        images={"image": Image2DModel.parse(image, dims=("c", "y", "x"))}, shapes={"spots": ShapesModel.parse(frame)}
    )
    tiles = ImageTilesDataset(
        sdata, regions_to_images={"spots": "image"}, regions_to_coordinate_systems={"spots": "global"}
    )
    return [np.asarray(tiles[i].images["image"].data) for i in range(len(tiles))]


def lazyslide_tiles(path: Path, xy: np.ndarray) -> list[np.ndarray]:
    """The dataset of tiles that LazySlide's models read."""
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel
    from wsidata import open_wsi
    from wsidata.dataset import TileImagesDataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slide = open_wsi(path, store=None)
    squares = shapely.box(*(xy - SIDE / 2).T, *(xy + SIDE / 2).T)
    slide.shapes["spots"] = ShapesModel.parse(geopandas.GeoDataFrame(geometry=squares))
    tiles = TileImagesDataset(slide, "spots")
    return [tiles[i]["image"] for i in range(len(tiles))]
