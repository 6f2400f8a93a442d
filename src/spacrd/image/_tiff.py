"""Levels of a TIFF as lazy arrays of its tiles, and the pixel size that it states."""

from __future__ import annotations

import functools
import html
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_NAN = float("nan")
_RGB, _YCBCR, _GREY = 2, 6, 1
_JPEG = (6, 7, 34892, 33007)
"""Compressions by JPEG, whose YCbCr the decoder turns into RGB."""
_UM = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "um": 1.0, "μm": 1.0, "nm": 1e-3, "inch": 25400.0, "in": 25400.0}
"""Micrometres of units that OME knows."""
_RESOLUTION_UM = {2: 25400.0, 3: 1e4}
"""Micrometres of the units of a TIFF resolution: inch, centimetre."""
_PRINTER_DPI = 2400.0
"""Resolutions up to this one are those of screens, printers and desk scanners, and say nothing of tissue."""


@dataclass(frozen=True)
class _Level:
    """Pixels of one level on disk, in the file's own order of axes; travels to other processes as its path."""

    path: str
    token: str
    number: int
    shape: tuple[int, ...]
    dtype: Any
    whole: tuple[Any, ...]
    """Index that takes the only plane of each axis that is no axis of an image; slices for the others."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        wanted = iter(index)
        full = tuple(next(wanted) if isinstance(part, slice) else part for part in self.whole)
        return np.asarray(_opened(self.path, self.token, self.number)[full])


@functools.lru_cache(maxsize=16)
def _opened(path: str, token: str, number: int) -> Any:
    """Open one level as a zarr array, whose chunks are the tiles of the file."""
    import tifffile
    import zarr

    return zarr.open_array(tifffile.imread(path, aszarr=True, series=0, level=number), mode="r")


def open_levels(file: Path, tiff: TiffFile) -> tuple[Any, ...]:
    """Open the levels of the first image of a TIFF, dask arrays (channels, height, width), finest first.

    Raises
    ------
    ValueError
        If it holds no image, planes or channels that no H&E has, or colours that are not decoded.
    """
    from dask.base import tokenize

    if not tiff.series:
        raise ValueError(f"{str(file)!r} is a TIFF without an image.")
    series = tiff.series[0]
    _check_whole(file, series)
    _check_colours(file, series.keyframe)
    token = tokenize(str(file), file.stat().st_size, file.stat().st_mtime_ns)
    levels: list[Any] = []
    for number, level in enumerate(series.levels):
        array = _open_level(file, token, number, level)
        if not levels or _is_smaller(array, levels):
            levels.append(array)
    return tuple(levels)


def _check_whole(file: Path, series: TiffPageSeries) -> None:
    """Raise ValueError for a TIFF that was not copied whole: tiles or levels would lie behind its end."""
    pages = [page for level in series.levels for page in level.pages if page is not None]
    extents = (zip(page.dataoffsets, page.databytecounts, strict=False) for page in pages)
    last = max((offset + n for extent in extents for offset, n in extent), default=0)
    levels = max((offset for page in pages for offset in page.subifds or ()), default=0)
    if max(last, levels) > file.stat().st_size:
        raise ValueError(f"{str(file)!r} is damaged: its end is missing. Copy the file again.")


def _check_colours(file: Path, page: TiffPage) -> None:
    photometric, compression = int(page.photometric), int(page.compression)
    if photometric in (_RGB, _GREY) or (photometric == _YCBCR and compression in _JPEG):
        return
    kind = getattr(page.photometric, "name", photometric)
    raise ValueError(
        f"{str(file)!r} stores its colours as {kind} (compression {compression}), which is not decoded here. Convert "
        "it to an RGB TIFF, for example with `vips tiffsave` or bioformats2raw."
    )


def _open_level(file: Path, token: str, number: int, level: TiffPageSeries) -> Any:
    import dask.array as da

    axes, shape = level.axes, level.shape
    image = [axis for axis, length in zip(axes, shape, strict=True) if axis in "YX" or (axis in "SC" and length > 1)]
    planes = [axis for axis, length in zip(axes, shape, strict=True) if axis not in "YXSC" and length > 1]
    channels = shape[axes.index(colour[0])] if (colour := [axis for axis in image if axis in "SC"]) else 1
    if planes or not {"Y", "X"} <= set(image) or len(colour) > 1 or channels not in (1, 3, 4):
        listed = ", ".join(f"{axis} {length}" for axis, length in zip(axes, shape, strict=True))
        raise ValueError(
            f"{str(file)!r} has the axes {listed}; an H&E image has Y, X and 1, 3 or 4 channels (S or C). Is it "
            "fluorescence, or a stack of several planes? Save the H&E alone."
        )
    whole = tuple(slice(None) if axis in image else 0 for axis in axes)
    positions = [position for position, part in enumerate(whole) if isinstance(part, slice)]
    sizes, tiles = ([every[position] for position in positions] for every in (shape, _chunks(file, token, number)))
    source = _Level(str(file), token, number, tuple(sizes), np.dtype(level.dtype), whole)
    array = da.from_array(source, chunks=tuple(tiles), name=f"tiff-{token}-{number}", asarray=False)
    if not colour:
        return array.transpose(image.index("Y"), image.index("X"))[None]
    return array.transpose(*(image.index(axis) for axis in (colour[0], "Y", "X"))).rechunk({0: -1})


def _chunks(file: Path, token: str, number: int) -> tuple[int, ...]:
    return _opened(str(file), token, number).chunks


def _is_smaller(array: Any, levels: list[Any]) -> bool:
    """Whether an array is the same image as the others, made smaller; files also hold labels and thumbnails."""
    (channels, height, width), finest = array.shape, levels[0].shape
    down, right = finest[1] / height, finest[2] / width
    same = channels == finest[0] and array.dtype == levels[0].dtype
    aspect = abs(finest[2] / down - width) <= 2 or abs(finest[1] / right - height) <= 2
    return same and aspect and height < levels[-1].shape[1]


def stated_mpp(tiff: TiffFile) -> tuple[float, str]:
    """Return the micrometres per pixel of the first level that a TIFF states, and where; NaN if it does not."""
    page = tiff.series[0].keyframe
    for value, source in (
        (_of_description(page.description), "MPP of the image description"),
        (_of_ome(tiff.ome_metadata), "PhysicalSizeX of the OME metadata"),
        (_of_resolution(page), "resolution of the TIFF"),
    ):
        if math.isfinite(value) and value > 0:
            return value, source
    return _NAN, ""


def _of_description(text: str) -> float:
    """Read what Aperio writes: ``... |AppMag = 20|MPP = 0.4990``."""
    found = re.search(r"\|\s*MPP\s*=\s*([\d.,eE+-]+)", text)
    try:
        return float(found[1].replace(",", ".")) if found else _NAN
    except ValueError:
        return _NAN


def _of_ome(xml: str | None) -> float:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", html.unescape(xml or ""))
    if not pixels:
        return _NAN
    size = re.search(r'\bPhysicalSizeX="([^"]+)"', pixels[0])
    unit = re.search(r'\bPhysicalSizeXUnit="([^"]+)"', pixels[0])
    try:
        return float(size[1]) * _UM.get(unit[1] if unit else "µm", _NAN) if size else _NAN
    except ValueError:
        return _NAN


def _of_resolution(page: TiffPage) -> float:
    tags = page.tags
    unit = _RESOLUTION_UM.get(int(tags.valueof("ResolutionUnit", default=2)), _NAN)
    value = tags.valueof("XResolution", default=None)
    if value is None:
        return _NAN
    numerator, denominator = value if isinstance(value, tuple) else (value, 1)
    if not numerator or not denominator:
        return _NAN
    um = unit * denominator / numerator
    return um if um < 25400.0 / _PRINTER_DPI else _NAN
