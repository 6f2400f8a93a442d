"""Folders of every platform, written once, and the encoder of these tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from . import pixels
from .tissue import Measured, camera, hexagonal, photograph, poisson, squares
from .visium import write_visium
from .visium_hd import rebinned, write_visium_hd
from .xenium import PIXEL_UM, write_xenium

MARGIN = 150.0


@dataclass(frozen=True)
class Folder:
    """An output folder, what was measured, and where."""

    path: Path
    measured: Measured
    to_um: np.ndarray
    """From the coordinate system of the reader to micrometres."""
    mpp: float


@pytest.fixture(autouse=True)
def _pixels(monkeypatch):
    pixels.register(monkeypatch)


@pytest.fixture(scope="session")
def visium_folder(tmp_path_factory):
    """Make a Space Ranger folder whose slide lies ``degrees`` turned in the image; each one is made once."""
    made = {}

    def make(version: int = 3, degrees: float = 0.0, flip: bool = False, mpp: float = 1.0, **options) -> Folder:
        key = (version, degrees, flip, mpp, tuple(options.items()))
        if key not in made:
            xy, array = hexagonal(9, 8)
            measured = poisson(xy, array)
            width, height = xy.max(axis=0) + MARGIN
            to_pixels, *shape = camera(width, height, mpp, degrees=degrees, flip=flip)
            image = photograph(np.linalg.inv(to_pixels), *shape)
            folder = tmp_path_factory.mktemp("visium")
            outs = write_visium(folder, measured, image, to_pixels, version=version, **options)
            made[key] = Folder(outs, measured, np.linalg.inv(to_pixels), mpp)
        return made[key]

    return make


@pytest.fixture(scope="session")
def hd_folder(tmp_path_factory) -> Folder:
    """Bins of 2, 8 and 16 um and cells, on an image of 0.5 um per pixel in which they lie turned by 3 degrees."""
    xy, array = squares(128, 160, 2.0, 101.0)
    fine = poisson(xy, array, rate=0.1)
    to_pixels, *shape = camera(*(xy.max(axis=0) + 101), 0.5, degrees=3)
    image = photograph(np.linalg.inv(to_pixels), *shape)
    bins = {2: fine, 8: rebinned(fine, 8), 16: rebinned(fine, 16)}
    cells = poisson(*squares(14, 18, 16.0, 112.0))
    folder = tmp_path_factory.mktemp("hd")
    path = write_visium_hd(folder, bins, image, to_pixels, cells=cells)
    return Folder(path, fine, np.linalg.inv(to_pixels), 0.5)


XENIUM_UM = (560.0, 460.0)


def xenium_cells() -> Measured:
    """Cells 25 um apart on average."""
    xy, array = squares(14, 18, 25.0, 67.0)
    return poisson(xy + np.random.default_rng(1).uniform(-6, 6, xy.shape), array)


@pytest.fixture(scope="session")
def xenium_folder(tmp_path_factory):
    """Make a Xenium folder whose H&E was taken with another camera; each one is made once."""
    made = {}

    def make(version: str = "3.1.0.4", mpp: float = 0.5, **view) -> Folder:
        key = (version, mpp, tuple(view.items()))
        if key not in made:
            measured = xenium_cells()
            to_pixels, *shape = camera(*XENIUM_UM, mpp, **view)
            he = photograph(np.linalg.inv(to_pixels), *shape)
            to_morphology = np.diag([1 / PIXEL_UM, 1 / PIXEL_UM, 1]) @ np.linalg.inv(to_pixels)
            folder = tmp_path_factory.mktemp("xenium") / "outs"
            write_xenium(folder, measured, *XENIUM_UM, version=version, he=he, he_to_pixels=to_morphology)
            made[key] = Folder(folder, measured, np.diag([PIXEL_UM, PIXEL_UM, 1]), mpp)
        return made[key]

    return make
