"""Images of the HER2-positive breast cancer study: found, opened lazily, the annotated thumbnail painted over."""

from __future__ import annotations

import functools
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

_KINDS = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
# Full-resolution pixels to one pixel of the reduced image.
_REDUCED = {"A1": 6954 / 2000}
# The annotated thumbnail in a reduced image: right of, above; as a share of width and height.
_THUMBNAIL = (1500 / 2000, 535 / 2138)
_decoding = threading.Lock()


def find_image(folder: Path, section: str) -> Path | None:
    """Find the image of a section; the full-resolution one if there are several."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in _KINDS
        and "annot" not in str(file.relative_to(folder)).lower()
        and (file.stem == section or file.stem.startswith(f"{section}_") or file.parent.name == section)
    ]
    return min(files, key=lambda file: file.name.endswith("_HE_image_dark.png"), default=None)


def open_image(file: Path, section: str, xy: np.ndarray, *, reduced: bool, warped: bool) -> dict[str, Any]:
    """Open the image element of a section, by its name.

    Parameters
    ----------
    file
        Image.
    section
        Name of the section.
    xy
        Spot centres ``(n_spots, 2)``, to check that they lie on the image.
    reduced
        Whether it is a reduced image on black, with the annotated thumbnail in its corner.
    warped
        Whether ``xy`` are pixels of this very image although it is reduced.
    """
    import dask
    import dask.array as da
    from spatialdata.transformations import Identity, Scale

    from . import _container

    factor = 1.0
    if reduced and not warped:
        if section not in _REDUCED:
            raise ValueError(
                f"{file.name!r} is a reduced image and the scale of section {section!r} is not known. "
                f"Use its full-resolution image, or put {file.name!r} elsewhere to read the section without one."
            )
        factor = _REDUCED[section]
    width, height = _size(file)
    off = (xy < 0) | (xy > np.array([width, height]) * factor)
    if off.any():
        raise ValueError(
            f"{off.any(axis=1).sum()} of {len(xy)} spots of section {section!r} lie off its image {file.name!r} "
            f"({width} x {height} pixels; spots reach x={xy[:, 0].max():.0f}, y={xy[:, 1].max():.0f}). "
            "It must be the full-resolution image of this section."
        )

    # A JPEG cannot be read in part: it is decoded once, on first use, and the last levels used are kept.
    def level_pixels(level: int) -> Any:
        lazy = dask.delayed(_decode)(str(file), reduced, level)
        return da.from_delayed(lazy, shape=(height >> level, width >> level, 3), dtype=np.uint8)

    transformation = Identity() if factor == 1.0 else Scale([factor, factor], axes=("y", "x"))
    return {f"{section}_full_image": _container.full_image(level_pixels, section, transformation)}


def _open(file: str | Path) -> Any:
    from PIL import Image

    with warnings.catch_warnings():
        # These images are a little larger than what Pillow takes for an attack.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def _size(file: Path) -> tuple[int, int]:
    from PIL import UnidentifiedImageError

    try:
        with _open(file) as image:
            return image.size
    except UnidentifiedImageError as error:
        raise ValueError(f"{str(file)!r} is no image that can be read. Copy it again.") from error


def _decode(file: str, reduced: bool, level: int) -> np.ndarray:
    with _decoding:
        return _decode_once(file, reduced, level)


@functools.lru_cache(maxsize=5)
def _decode_once(file: str, reduced: bool, level: int) -> np.ndarray:
    """Decode the pixels of one level of an image, uint8 ``(height, width, 3)``, read-only."""
    from . import _container

    if level:
        pixels = _container.halved(_decode_once(file, reduced, 0), level)
    else:
        with _open(file) as image:
            pixels = np.array(image.convert("RGB"))
        if reduced:
            height, width = pixels.shape[:2]
            pixels[: int(np.ceil(_THUMBNAIL[1] * height)) + 1, int(_THUMBNAIL[0] * width) :] = 0
    pixels.flags.writeable = False
    return pixels
