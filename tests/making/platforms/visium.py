"""Output folders of Space Ranger 1, 2 and 3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from .files import barcodes, write_10x_h5, write_json, write_reduced, write_tiff
from .tissue import Measured, move

COLUMNS = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]


def write_visium(
    folder: Path,
    measured: Measured,
    pixels: np.ndarray,
    to_pixels: np.ndarray,
    *,
    version: int = 3,
    dataset_id: str = "slide",
    in_tissue: np.ndarray | None = None,
    sizes: dict[str, int] | None = None,
    stored_um: float = 65.0,
) -> Path:
    """Write ``folder/outs`` and ``folder/he.tif``, the image that Space Ranger was given.

    Parameters
    ----------
    folder
        Where to.
    measured
        All spots of the array, in micrometres.
    pixels
        Full-resolution image, uint8 (height, width, 3).
    to_pixels
        Matrix from micrometres to full-resolution pixels.
    version
        Of Space Ranger: 1 lists positions without a header, 2 and 3 with one; 2 and 3 add CytAssist's image.
    dataset_id
        Prefix of the counts file from version 2 on; version 1 has none.
    in_tissue
        Which spots lie under tissue and have counts, (n,); by default all.
    sizes
        Longest side of the reduced images.
    stored_um
        Spot diameter written to the scale factors.
    """
    outs = folder / "outs"
    spatial = outs / "spatial"
    spatial.mkdir(parents=True)
    write_tiff(folder / "he.tif", pixels)
    n = len(measured.xy_um)
    kept = np.ones(n, bool) if in_tissue is None else in_tissue
    names = barcodes(n)
    # Counts are sorted by barcode, positions by place on the array.
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(np.array(names)[rows])]
    prefix = f"{dataset_id}_" if version > 1 else ""
    write_10x_h5(outs / f"{prefix}filtered_feature_bc_matrix.h5", measured, [names[i] for i in rows], rows)
    xy = move(to_pixels, measured.xy_um)
    columns = names, kept.astype(int), *measured.array.T, xy[:, 1], xy[:, 0]
    positions = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    mpp = 1 / np.sqrt(abs(np.linalg.det(to_pixels[:2, :2])))
    if version == 1:
        positions[COLUMNS[4:]] = positions[COLUMNS[4:]].round().astype(int)
        positions.to_csv(spatial / "tissue_positions_list.csv", index=False, header=False)
    else:
        positions.to_csv(spatial / "tissue_positions.csv", index=False)
        Image.fromarray(pixels[::4, ::4]).save(spatial / "cytassist_image.tiff")
    factors = write_reduced(spatial, pixels, sizes or {"hires": 900, "lowres": 300})
    Image.fromarray(pixels[::4, ::4]).save(spatial / "aligned_fiducials.jpg")
    Image.fromarray(pixels[::4, ::4]).save(spatial / "detected_tissue_image.jpg")
    facts = {"spot_diameter_fullres": stored_um / mpp, "fiducial_diameter_fullres": 1.6 * stored_um / mpp}
    write_json(spatial / "scalefactors_json.json", {**facts, **factors})
    return outs


def read_visium(outs: Path, *, full: bool = True, dataset_id: str = "slide"):
    """The section through the real reader."""
    import spatialdata_io

    image = {"fullres_image_file": outs.parent.resolve() / "he.tif"} if full else {}
    return spatialdata_io.visium(outs, dataset_id=dataset_id, **image)
