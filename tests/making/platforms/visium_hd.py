"""Output folder of Space Ranger 3 and 4 for Visium HD: bins, and from version 4 on cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from .files import write_10x_h5, write_json, write_reduced, write_tiff
from .tissue import Measured, move


def write_visium_hd(
    folder: Path,
    bins: dict[int, Measured],
    pixels: np.ndarray,
    to_pixels: np.ndarray,
    *,
    dataset_id: str = "hd",
    cells: Measured | None = None,
    cell_um: float = 10.0,
    microscope: bool = True,
) -> Path:
    """Write a folder with one table for each bin size in micrometres; and, if there are cells, their outlines."""
    mpp = float(1 / np.sqrt(abs(np.linalg.det(to_pixels[:2, :2]))))
    (folder / "spatial").mkdir(parents=True)
    factors = write_reduced(folder / "spatial", pixels, {"hires": 600, "lowres": 200})
    Image.fromarray(pixels[::4, ::4]).save(folder / "spatial" / "cytassist_image.tiff")
    _write_feature_slice(folder / f"{dataset_id}_feature_slice.h5")
    if microscope:
        (folder / "microscope_image").mkdir()
        write_tiff(folder / "microscope_image" / "he.tif", pixels)
    for size, measured in bins.items():
        target = folder / "binned_outputs" / f"square_{size:03d}um"
        (target / "spatial").mkdir(parents=True)
        names = [f"s_{size:03d}um_{row:05d}_{column:05d}-1" for row, column in measured.array]
        write_10x_h5(target / "filtered_feature_bc_matrix.h5", measured, names)
        xy = move(to_pixels, measured.xy_um)
        positions = {"barcode": names, "in_tissue": 1, "array_row": measured.array[:, 0]}
        positions |= {"array_col": measured.array[:, 1], "pxl_row_in_fullres": xy[:, 1], "pxl_col_in_fullres": xy[:, 0]}
        pd.DataFrame(positions).to_parquet(target / "spatial" / "tissue_positions.parquet", index=False)
        sizes = {"bin_size_um": float(size), "microns_per_pixel": mpp, "spot_diameter_fullres": size / mpp}
        write_json(target / "spatial" / "scalefactors_json.json", {**sizes, **factors})
    if cells is not None:
        _write_cells(folder, cells, to_pixels, cell_um, {**factors, "microns_per_pixel": mpp})
    return folder


def _write_feature_slice(path: Path) -> None:
    unit = np.eye(3).ravel().tolist()
    names = ("cytassist_colrow_to_spot_colrow", "spot_colrow_to_cytassist_colrow")
    names += ("microscope_colrow_to_spot_colrow", "spot_colrow_to_microscope_colrow")
    layout = json.dumps({"file_format": "1.0", "transform": unit})
    with h5py.File(path, "w") as file:
        file.attrs["metadata_json"] = json.dumps(
            {"transform_matrices": dict.fromkeys(names, unit), "hd_layout_json": layout}
        )


def _write_cells(
    folder: Path, cells: Measured, to_pixels: np.ndarray, cell_um: float, factors: dict[str, float]
) -> None:
    target = folder / "segmented_outputs"
    (target / "spatial").mkdir(parents=True)
    write_json(target / "spatial" / "scalefactors_json.json", dict(factors))
    ids = np.arange(1, len(cells.xy_um) + 1)
    write_10x_h5(target / "filtered_feature_cell_matrix.h5", cells, [f"cellid_{i:09d}-1" for i in ids])
    features = {kind: [] for kind in ("cell", "nucleus")}
    for kind, share in (("cell", 1.0), ("nucleus", 0.5)):
        for number, middle in zip(ids, cells.xy_um, strict=True):
            ring = move(to_pixels, middle + share * outline(cell_um / 2))
            geometry = {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]}
            properties = {"cell_id": int(number)}
            features[kind].append({"type": "Feature", "geometry": geometry, "properties": properties})
        collection = {"type": "FeatureCollection", "features": features[kind]}
        write_json(target / f"{kind}_segmentations.geojson", collection)


def outline(radius: float, corners: int = 8) -> np.ndarray:
    """Corners of a regular polygon around the origin, (corners, 2)."""
    turn = 2 * np.pi * np.arange(corners) / corners
    return radius * np.column_stack([np.cos(turn), np.sin(turn)])


def rebinned(fine: Measured, size: int, fine_um: int = 2) -> Measured:
    """Bins of ``size`` micrometres from finer ones, as Space Ranger adds them up."""
    step = size // fine_um
    coarse = fine.array // step
    unique, place = np.unique(coarse, axis=0, return_inverse=True)
    member = sparse.csr_matrix((np.ones(len(place)), (place.ravel(), np.arange(len(place)))))
    xy = np.asarray(member @ fine.xy_um) / np.asarray(member.sum(axis=1))
    return Measured(xy, sparse.csr_matrix(member @ fine.counts), fine.genes, unique)


def read_visium_hd(folder: Path, sizes: Sequence[int] | None = None, **options):
    """The section through the real reader."""
    import spatialdata_io

    wanted = None if sizes is None else list(sizes)
    return spatialdata_io.visium_hd(folder, bin_size=wanted, **{"load_segmentations_only": False, **options})
