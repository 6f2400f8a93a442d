"""Small output folders of every platform, with what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .tissue import Measured, camera, hexagonal, photograph, poisson, squares
from .visium import write_visium
from .visium_hd import rebinned, write_visium_hd
from .xenium import PIXEL_UM, write_xenium

MARGIN_UM = 150.0
XENIUM_UM = (560.0, 460.0)
"""Width and height of the region that :func:`make_xenium` images."""


@dataclass(frozen=True)
class Folder:
    """An output folder, what was measured, and where."""

    path: Path
    measured: Measured
    to_um: np.ndarray
    """From the coordinate system of the reader to micrometres."""
    mpp: float


def make_visium(
    folder: Path, version: int = 3, degrees: float = 0.0, flip: bool = False, mpp: float = 1.0, **options: Any
) -> Folder:
    """Write a Space Ranger folder whose slide lies ``degrees`` turned in the image."""
    xy, array = hexagonal(9, 8)
    measured = poisson(xy, array)
    width, height = xy.max(axis=0) + MARGIN_UM
    to_pixels, *shape = camera(width, height, mpp, degrees=degrees, flip=flip)
    image = photograph(np.linalg.inv(to_pixels), *shape)
    outs = write_visium(folder, measured, image, to_pixels, version=version, **options)
    return Folder(outs, measured, np.linalg.inv(to_pixels), mpp)


def make_visium_hd(folder: Path) -> Folder:
    """Write bins of 2, 8 and 16 um and cells, on an image of 0.5 um per pixel in which they lie turned by 3 degrees."""
    xy, array = squares(128, 160, 2.0, 101.0)
    fine = poisson(xy, array, rate=0.1)
    to_pixels, *shape = camera(*(xy.max(axis=0) + 101), 0.5, degrees=3)
    image = photograph(np.linalg.inv(to_pixels), *shape)
    bins = {2: fine, 8: rebinned(fine, 8), 16: rebinned(fine, 16)}
    cells = poisson(*squares(14, 18, 16.0, 112.0))
    path = write_visium_hd(folder, bins, image, to_pixels, cells=cells)
    return Folder(path, fine, np.linalg.inv(to_pixels), 0.5)


def make_xenium(folder: Path, version: str = "3.1.0.4", mpp: float = 0.5, **view: Any) -> Folder:
    """Write a Xenium folder of cells 25 um apart on average, whose H&E was taken with another camera."""
    xy, array = squares(14, 18, 25.0, 67.0)
    measured = poisson(xy + np.random.default_rng(1).uniform(-6, 6, xy.shape), array)
    to_pixels, *shape = camera(*XENIUM_UM, mpp, **view)
    he = photograph(np.linalg.inv(to_pixels), *shape)
    to_morphology = np.diag([1 / PIXEL_UM, 1 / PIXEL_UM, 1]) @ np.linalg.inv(to_pixels)
    path = write_xenium(folder / "outs", measured, *XENIUM_UM, version=version, he=he, he_to_pixels=to_morphology)
    return Folder(path, measured, np.diag([PIXEL_UM, PIXEL_UM, 1]), mpp)
