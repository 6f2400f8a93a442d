"""Small simulated sections as files, and what the command line is told of their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import spacrd

POSITIVE = ["invasive cancer", "cancer in situ"]
"""The classes of cancer of a simulated section."""
SMALL = {"n_rows": 10, "n_cols": 10, "n_genes": 60, "mpp": 2.0}
"""Arguments of ``toy_visium`` for a section that is made in no time; its reduced image is too coarse for patches."""
LABELS = ("--label-key", "pathologist", "--positive", "invasive cancer", "--positive", "cancer in situ")


def as_anndata(sdata: Any) -> Any:
    """The toy as scanpy would hold it: its table, with the hires image in ``uns``."""
    table = sdata.tables["table"].copy()
    del table.uns["spatialdata_attrs"]
    name = str(table.obs["region"].iloc[0])
    pixels = np.asarray(sdata.images[f"{name}_hires_image"]).transpose(1, 2, 0)
    full = sdata.images[f"{name}_full_image"]["scale0"]["image"]
    factors = {"tissue_hires_scalef": pixels.shape[1] / full.sizes["x"], "spot_diameter_fullres": 65.0}
    table.uns["spatial"] = {name: {"images": {"hires": pixels}, "scalefactors": factors}}
    return table


def write_toys(folder: Path) -> Path:
    """Write ``toy_1.zarr`` to ``toy_3.zarr`` and ``toy_3.h5ad``, with patches, and ``raw_3.zarr`` without."""
    for number in (1, 2, 3):
        section = spacrd.datasets.toy_visium(library_id=f"toy_{number}", n_rows=10, n_cols=10, n_genes=60, seed=number)
        if number == 3:
            section.write(folder / "raw_3.zarr")
            flat = as_anndata(section)
            spacrd.pp.extract_patches(flat)
            flat.write_h5ad(folder / "toy_3.h5ad")
        spacrd.pp.extract_patches(section)
        section.write(folder / f"toy_{number}.zarr")
    return folder
