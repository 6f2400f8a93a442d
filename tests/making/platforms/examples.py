"""The folders that a notebook reads: simulated tissue in the layout of real output folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .files import barcodes
from .simulated import MARGIN_UM, Simulated
from .tissue import hexagonal
from .visium import write_visium

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
