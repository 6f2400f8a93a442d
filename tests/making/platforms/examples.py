"""The folders that the notebooks read: simulated tissue in the layout of real output folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from .files import barcodes
from .simulated import MARGIN_UM, Simulated
from .tissue import camera, hexagonal, photograph, squares
from .visium import write_visium
from .xenium import PIXEL_UM, write_xenium

SIZE_UM = 2000.0


def write_visium_section(folder: Path, seed: int, size_um: float = SIZE_UM) -> pd.Series:
    """One section of Space Ranger 3, named like its folder; returns a pathologist's class of every barcode."""
    n = int((size_um - 2 * MARGIN_UM) / 100.0) + 1
    tissue = Simulated.grow(seed, size_um, mpp=1.5)
    measured = tissue.measure(*hexagonal(n, n - 1, margin=MARGIN_UM), 1)
    write_visium(folder, measured, tissue.image, tissue.to_pixels, dataset_id=folder.name)
    return pd.Series(tissue.labels(measured.xy_um), index=barcodes(len(measured.xy_um)))


def write_visium_example(folder: Path, size_um: float = SIZE_UM) -> None:
    """Three sections of Space Ranger 3: ``one`` and ``two`` with a pathologist's classes, and ``new``."""
    for seed, name in enumerate(["one", "two", "new"], start=1):
        classes = write_visium_section(folder / name, seed, size_um)
        if name != "new":
            classes.rename("class").rename_axis("barcode").to_csv(folder / name / "pathologist.csv")


def write_xenium_example(folder: Path, size_um: float = SIZE_UM) -> None:
    """The Visium sections, and ``xenium``: another tissue with a third of the genes, H&E turned by 4 degrees."""
    write_visium_example(folder, size_um)
    tissue = Simulated.grow(4, size_um, mpp=1.5)
    n = int((size_um - 2 * MARGIN_UM) / 22.0) + 1
    xy, array = squares(n, n, 22.0, MARGIN_UM)
    xy = xy + np.random.default_rng(4).uniform(-5, 5, xy.shape)
    measured = tissue.measure(xy, array, 3, depth=0.05)
    to_pixels, *shape = camera(size_um, size_um, tissue.mpp, degrees=4)

    def colour(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        rows, columns = ((np.clip(v, 0, size_um - 1e-6) / tissue.mpp).astype(int) for v in (y, x))
        limit = len(tissue.image) - 1
        return tissue.image[np.minimum(rows, limit), np.minimum(columns, limit)].T

    he = photograph(np.linalg.inv(to_pixels), *shape, colour)
    to_morphology = np.diag([1 / PIXEL_UM, 1 / PIXEL_UM, 1]) @ np.linalg.inv(to_pixels)
    panel = replace(measured, counts=measured.counts[:, ::3].tocsr(), genes=measured.genes[::3])
    write_xenium(folder / "xenium", panel, size_um, size_um, he=he, he_to_pixels=to_morphology)
