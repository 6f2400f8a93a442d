"""Image files as lazy pyramids: TIFF and what whole-slide scanners make of it, PNG and JPEG."""

from __future__ import annotations

import functools
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._files import checked_path
from ._scale import LIMITS
from ._tiff import open_levels, stated_mpp

KINDS = "Expected TIFF (also OME-TIFF, SVS, NDPI and other TIFFs of slide scanners), PNG or JPEG."
_CHUNK = 1024
_TAIL = 1 << 16
"""Last bytes of a file, in which the end mark lies; some programs append notes."""
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
"""What the content of each format ends with; the mark of JPEG may occur anywhere in a PNG."""
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LA": "RGBA", "RGBA": "RGBA"}
"""Modes of Pillow of 8 bits, and what their pixels are converted to."""
_decoding = threading.Lock()


@dataclass(frozen=True)
class ImageFile:
    """An image file, of which nothing but the header is read.

    Attributes
    ----------
    levels
        Lazy dask arrays (channels, height, width), uint8 or uint16, finest first; at least one.
    mpp
        Micrometres per pixel of the first level, as the file states it; NaN if it does not.
    mpp_source
        Where the file states it, in words.
    """

    levels: tuple[Any, ...]
    mpp: float = float("nan")
    mpp_source: str = ""


def open_image_file(path: str | os.PathLike[str], argument: str = "image") -> ImageFile:
    """Open an image file lazily; what it is is told by its content, not by its name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no image of a kind that can be read, or has other channels than colour images have.
    """
    import tifffile

    file = checked_path(path, argument)
    if not file.exists():
        raise FileNotFoundError(f"There is no image file {str(file)!r}.")
    if not file.is_file():
        raise ValueError(f"{str(file)!r} is a folder or a device, not an image file. {KINDS}")
    file = file.resolve()
    try:
        with tifffile.TiffFile(file) as tiff:
            levels = open_levels(file, tiff)
            mpp, source = stated_mpp(tiff)
    except tifffile.TiffFileError:
        return ImageFile((_open_whole(file),))
    plausible = math.isfinite(mpp) and LIMITS[0] < mpp < LIMITS[1]
    return ImageFile(levels, mpp, source) if plausible else ImageFile(levels)


def _open_whole(file: Path) -> Any:
    """Open a PNG or JPEG, which cannot be read in part: it is decoded as a whole when it is first needed."""
    import dask
    import dask.array as da
    from dask.base import tokenize
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            (width, height), mode, kind = image.size, image.mode, str(image.format)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{str(file)!r} is too large for a PNG or JPEG: {error}. Convert it to tiled TIFF.") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{str(file)!r} is no image that can be read. {KINDS}") from error
    _check_end(file, _ENDS[kind])
    if mode not in _MODES:
        raise ValueError(
            f"{str(file)!r} has pixels of the kind {mode!r}; a PNG or JPEG must have 8 bits a channel. Convert it "
            "to TIFF."
        )
    token = tokenize(str(file), file.stat().st_mtime_ns)
    pixels = dask.delayed(_decode, pure=True)(str(file), token)
    shape = (height, width, len(_MODES[mode]))
    whole = da.from_delayed(pixels, shape=shape, dtype=np.uint8, name=f"image-file-{token}")
    return whole.transpose(2, 0, 1).rechunk((shape[2], _CHUNK, _CHUNK))


def _check_end(file: Path, end: bytes) -> None:
    """Raise ValueError for a PNG or JPEG that was not copied whole: its end mark is missing."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _TAIL))
        tail = stream.read()
    if end not in tail:
        raise ValueError(f"{str(file)!r} is damaged: its end is missing. Copy the file again.")


def _decode(file: str, token: str) -> np.ndarray:
    with _decoding:
        return _decode_once(file, token)


@functools.lru_cache(maxsize=2)
def _decode_once(file: str, token: str) -> np.ndarray:
    """Decode a PNG or JPEG, uint8 ``(height, width, channels)``, read-only."""
    from PIL import Image

    with Image.open(file, formats=("PNG", "JPEG")) as image:
        mode = _MODES[image.mode]
        pixels = np.array(image.convert(mode))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    pixels.flags.writeable = False
    return pixels
