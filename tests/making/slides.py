"""Image files as scanners and programs write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from .image_sections import affine, make_sdata, render

TILE = {"tile": (64, 64), "photometric": "rgb", "compression": "zlib"}


def halvings(pixels: np.ndarray, n: int) -> list[np.ndarray]:
    """The image (height, width, 3) and its halves, averaged."""
    levels = [pixels]
    for _ in range(n):
        last = levels[-1]
        height, width = (side // 2 * 2 for side in last.shape[:2])
        levels.append(np.asarray(Image.fromarray(last[:height, :width]).reduce(2)))
    return levels


def write_plain(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """A tiled TIFF of one resolution."""
    tifffile.imwrite(path, pixels, **{**TILE, **options})
    return path


def write_strips(path: Path, pixels: np.ndarray) -> Path:
    """A TIFF without tiles."""
    tifffile.imwrite(path, pixels, photometric="rgb", rowsperstrip=16)
    return path


def write_pyramid(path: Path, pixels: np.ndarray, n: int = 2, **options: Any) -> Path:
    """A tiled TIFF whose smaller images belong to its page."""
    first, *others = halvings(pixels, n)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(first, subifds=n, **TILE, **options)
        for level in others:
            tiff.write(level, subfiletype=1, **TILE)
    return path


def write_pages(path: Path, pixels: np.ndarray, n: int = 2) -> Path:
    """A tiled TIFF whose smaller images are pages of their own, as libvips writes it."""
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number, level in enumerate(halvings(pixels, n)):
            tiff.write(level, subfiletype=int(number > 0), metadata=None, **TILE)
    return path


def write_ome(path: Path, pixels: np.ndarray, mpp: float | None = None, *, planes: bool = False, n: int = 2) -> Path:
    """An OME-TIFF with a pyramid, its colours as samples or as channels."""
    levels = halvings(pixels, n)
    options: dict[str, Any] = dict(TILE)
    if planes:
        levels, options["photometric"] = [level.transpose(2, 0, 1) for level in levels], "minisblack"
    size = {} if mpp is None else {f"PhysicalSize{axis}{part}": value for axis in "XY" for part, value in _size(mpp)}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(levels[0], subifds=n, metadata={"axes": "CYX" if planes else "YXS", **size}, **options)
        for level in levels[1:]:
            tiff.write(level, subfiletype=1, **options)
    return path


def _size(mpp: float) -> list[tuple[str, Any]]:
    return [("", mpp * 1e-3), ("Unit", "mm")]


def write_svs(path: Path, pixels: np.ndarray, mpp: float | None = None, n: int = 2) -> Path:
    """What an Aperio scanner writes: the image, a thumbnail, smaller images, a label and a photograph of the slide."""
    first, *others = halvings(pixels, n)
    height, width = first.shape[:2]
    name = f"Aperio Image Library v11.2.1 \r\n{width}x{height} [0,0 {width}x{height}] (64x64) JPEG/RGB Q=95"
    plain = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        facts = f"{name}|AppMag = 20|StripeWidth = 2040" + (f"|MPP = {mpp}" if mpp else "")
        tiff.write(first, description=facts, metadata=None, **TILE)
        tiff.write(others[-1], description=f"{name} -> thumbnail", **plain)
        for level in others:
            tiff.write(level, description=name, metadata=None, **TILE)
        for label, shape in (("label", (40, 30, 3)), ("macro", (30, 90, 3))):
            tiff.write(np.full(shape, 200, np.uint8), description=f"{name}\r\n{label} 30x40", subfiletype=9, **plain)
    return path


def write_pillow(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


LOSSLESS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "pyramid.tif": write_pyramid,
    "pages.tif": write_pages,
    "plain.tiff": write_plain,
    "strips.tif": write_strips,
    "slide.svs": write_svs,
    "slide.ome.tif": write_ome,
    "planes.ome.tif": lambda path, pixels: write_ome(path, pixels, planes=True),
    "slide.png": write_pillow,
}
"""Files by what they are called, and what writes them."""
PYRAMIDS = ("pyramid.tif", "pages.tif", "slide.svs", "slide.ome.tif", "planes.ome.tif")


def bare(**view):
    """A section without its image."""
    sdata = make_sdata(**view)
    del sdata.images["one_full_image"]
    return sdata


def pixels_of(scale: float = 1.0, degrees: float = 0.0, flip: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """An image (height, width, 3) of the section, and the matrix from its pixels to the section."""
    matrix, height, width = affine(scale, degrees, flip)
    return np.ascontiguousarray(render(matrix, height, width).transpose(1, 2, 0)), np.linalg.inv(matrix)
