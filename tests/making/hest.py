"""The folder of HEST-1k, as its documentation says it is laid out, with sections of every technology."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import shapely

from .image_sections import render
from .slides import write_pages

MPP = 1.0
"""Micrometres per pixel of the image."""
TECHNOLOGIES = {
    # Distance of spots and their diameter in um, as the metadata state them.
    "Visium": (100.0, 55.0),
    "Spatial Transcriptomics": (200.0, 100.0),
    "Xenium": (100.0, None),
    "Visium HD": (100.0, None),
}


def places(technology: str) -> pd.DataFrame:
    """Array and pixels of 6 x 6 spots."""
    rows, columns = (part.ravel() for part in np.mgrid[:6, :6])
    pitch = TECHNOLOGIES[technology][0] / MPP
    x, y = (columns + 1.0) * pitch, (rows + 1.0) * pitch
    if technology == "Visium":
        columns = 2 * columns + rows % 2
        x, y = (columns / 2 + 1) * pitch, (rows * np.sqrt(3) / 2 + 1) * pitch
    return pd.DataFrame({"array_row": rows, "array_col": columns, "x": x, "y": y})


def write_hest(root: Path, section: str = "TENX1", technology: str = "Visium", *, cells: bool = False) -> Path:
    """Add a section to the folder."""
    for name in ("st", "wsis", "metadata", "xenium_seg"):
        (root / name).mkdir(parents=True, exist_ok=True)
    spots = places(technology)
    pitch, diameter = TECHNOLOGIES[technology]
    obs = spots[["array_row", "array_col"]].assign(
        in_tissue=True, pxl_col_in_fullres=spots["x"], pxl_row_in_fullres=spots["y"], total_counts=9.0
    )
    obs.index = [f"{a:03d}x{b:03d}" for a, b in zip(spots["array_row"], spots["array_col"], strict=True)]
    counts = np.random.default_rng(0).poisson(2, (len(obs), 3)).astype(np.float64)
    table = ad.AnnData(counts, obs=obs, var=pd.DataFrame({"mito": False}, index=["ERBB2", "GAPDH", "EPCAM"]))
    table.obsm["spatial"] = spots[["x", "y"]].to_numpy()
    factors = {"tissue_downscaled_fullres_scalef": 0.1, "spot_diameter_fullres": 110.0}
    table.uns["spatial"] = {"ST": {"images": {"downscaled_fullres": np.zeros((8, 8, 3))}, "scalefactors": factors}}
    table.write_h5ad(root / "st" / f"{section}.h5ad")
    width, height = (spots[["x", "y"]].max() + pitch / MPP).astype(int)
    write_pages(
        root / "wsis" / f"{section}.tif", np.ascontiguousarray(render(np.eye(3), height, width).transpose(1, 2, 0))
    )
    metadata = {
        "id": section,
        "patient": "Patient 1",
        "organ": "Breast",
        "st_technology": technology,
        "inter_spot_dist": pitch,
        "spot_diameter": diameter,
        "pixel_size_um_embedded": float("nan"),
        "pixel_size_um_estimated": MPP,
        "fullres_px_width": int(width),
    }
    (root / "metadata" / f"{section}.json").write_text(json.dumps(metadata))
    if cells:
        boxes = [shapely.box(10 * i, 5, 10 * i + 8, 12) for i in range(5)] + [shapely.Point(1, 1)]
        for kind in ("cell", "nucleus"):
            frame = pd.DataFrame({"geometry": shapely.to_wkb(boxes)}, index=[f"cell-{i}" for i in range(6)])
            frame.to_parquet(root / "xenium_seg" / f"{section}_xenium_{kind}_seg.parquet")
    return root
