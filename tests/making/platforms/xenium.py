"""Output folders of Xenium Onboard Analysis 1 and 3, with an H&E image aligned afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from .files import write_10x_h5, write_json
from .tissue import Measured
from .visium_hd import outline

PIXEL_UM = 0.2125
SUFFIX = 1
LIGHT = {"transcripts": False, "nucleus_labels": False, "morphology_mip": False, "morphology_focus": False}
"""Arguments of :func:`read_xenium` that leave away what takes long to read."""


def cell_ids(n: int) -> tuple[np.ndarray, list[str]]:
    """Identifiers as numbers (n, 2) and as the strings they stand for."""
    prefix = (np.arange(n, dtype=np.uint64) * np.uint64(40503) + np.uint64(77777)).astype(np.uint32)
    shown = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    names = [f"{number:08x}".translate(shown) + f"-{SUFFIX}" for number in prefix]
    return np.column_stack([prefix, np.full(n, SUFFIX, np.uint32)]), names


def write_xenium(
    folder: Path,
    measured: Measured,
    width_um: float,
    height_um: float,
    *,
    version: str = "3.1.0.4",
    he: np.ndarray | None = None,
    he_to_pixels: np.ndarray | None = None,
    radius_um: float = 5.0,
) -> Path:
    """Write the folder.

    Parameters
    ----------
    folder
        Where to.
    measured
        Cells, in micrometres.
    width_um, height_um
        Of the region that was imaged.
    version
        1.0 numbers the cells, 1.3 names them, 2 and later link polygons to them.
    he
        H&E image, (height, width, 3), (3, height, width) or (4, height, width).
    he_to_pixels
        Matrix from pixels of the H&E to pixels of the morphology image, as Xenium Explorer exports it.
    radius_um
        Of a cell.
    """
    folder.mkdir(parents=True)
    xy, n = measured.xy_um, len(measured.xy_um)
    numbers, names = cell_ids(n)
    major = tuple(map(int, version.split(".")[:2]))
    ids = list(range(1, n + 1)) if major < (1, 3) else names
    specs = {"analysis_sw_version": f"xenium-{version}", "pixel_size": PIXEL_UM, "num_cells": n, "run_name": "made"}
    write_json(folder / "experiment.xenium", specs)
    write_10x_h5(folder / "cell_feature_matrix.h5", measured, list(map(str, ids)))
    area = len(outline(1.0)) / 2 * np.sin(2 * np.pi / len(outline(1.0))) * radius_um**2
    total = np.asarray(measured.counts.sum(axis=1)).ravel().astype(int)
    cells = pd.DataFrame({"cell_id": ids, "x_centroid": xy[:, 0], "y_centroid": xy[:, 1], "transcript_counts": total})
    cells["control_probe_counts"] = cells["control_codeword_counts"] = 0
    cells["total_counts"], cells["cell_area"], cells["nucleus_area"] = total, area, 0.25 * area
    cells.to_parquet(folder / "cells.parquet", index=False)
    for kind, share in (("cell", 1.0), ("nucleus", 0.5)):
        ring = share * outline(radius_um)
        ring = np.vstack([ring, ring[:1]])
        corners = (xy[:, None] + ring[None]).reshape(-1, 2)
        rows = pd.DataFrame(
            {"cell_id": np.repeat(ids, len(ring)), "vertex_x": corners[:, 0], "vertex_y": corners[:, 1]}
        )
        if major >= (2, 0):
            rows["label_id"] = np.repeat(np.arange(1, n + 1), len(ring))
        rows.to_parquet(folder / f"{kind}_boundaries.parquet", index=False)
    _write_transcripts(folder / "transcripts.parquet", measured, ids)
    shape = int(np.ceil(height_um / PIXEL_UM)), int(np.ceil(width_um / PIXEL_UM))
    masks = [_mask(xy, share * radius_um, shape) for share in (0.5, 1.0)]
    _write_cells_zarr(folder / "cells.zarr.zip", xy, numbers, masks, area, major)
    _write_morphology(folder, (masks[0] > 0).astype(np.uint16) * 900 + 100, major)
    if he is not None:
        write_he(folder, he, np.eye(3) if he_to_pixels is None else he_to_pixels)
    return folder


def write_he(folder: Path, he: np.ndarray, to_pixels: np.ndarray, name: str = "made_he_image") -> Path:
    """An aligned H&E image and its alignment file."""
    axes = {"axes": "YXS" if he.shape[-1] == 3 else "CYX"}
    options = {"photometric": "rgb"} if he.shape[-1] == 3 else {"photometric": "minisblack"}
    tifffile.imwrite(folder / f"{name}.ome.tif", he, ome=True, metadata=axes, tile=(256, 256), **options)
    np.savetxt(folder / f"{name}alignment.csv", to_pixels, delimiter=",")
    return folder / f"{name}.ome.tif"


def _write_transcripts(path: Path, measured: Measured, ids: list) -> None:
    counts = measured.counts.tocoo()
    each = counts.data.astype(int)
    row, gene = np.repeat(counts.row, each), np.repeat(counts.col, each)
    spread = np.random.default_rng(0).uniform(-2, 2, (len(row), 3))
    xyz = np.column_stack([measured.xy_um[row], np.full(len(row), 10.0)]) + spread
    table = {"transcript_id": np.arange(len(row), dtype=np.uint64), "cell_id": np.asarray(ids)[row]}
    table |= {"overlaps_nucleus": np.ones(len(row), np.uint8), "feature_name": np.asarray(measured.genes)[gene]}
    table |= {f"{axis}_location": xyz[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    pd.DataFrame(table | {"qv": np.float32(40.0)}).to_parquet(path, index=False)


def _mask(xy: np.ndarray, radius_um: float, shape: tuple[int, int]) -> np.ndarray:
    """Raster of cells: its number in each of a cell's pixels, those with their centre in :func:`outline`."""
    raster = np.zeros(shape, np.uint32)
    turn = np.pi / 8  # from a corner to the middle of the next side
    along, across, apothem = np.cos(turn), np.sin(turn), radius_um * np.cos(turn)
    reach = int(np.ceil(radius_um / PIXEL_UM)) + 1
    for number, (x, y) in enumerate(xy, start=1):
        top, left = (max(int(v / PIXEL_UM) - reach, 0) for v in (y, x))
        window = raster[top : top + 2 * reach, left : left + 2 * reach]
        # Pixel i covers [i, i + 1).
        dy = np.abs((np.arange(window.shape[0]) + top + 0.5) * PIXEL_UM - y)[:, None]
        dx = np.abs((np.arange(window.shape[1]) + left + 0.5) * PIXEL_UM - x)[None]
        window[(along * dx + across * dy <= apothem) & (across * dx + along * dy <= apothem)] = number
    return raster


def _write_cells_zarr(path: Path, xy: np.ndarray, numbers: np.ndarray, masks: list, area: float, major: tuple) -> None:
    import zarr

    n = len(xy)
    columns = ["cell_centroid_x", "cell_centroid_y", "cell_area", "nucleus_centroid_x", "nucleus_centroid_y"]
    columns += ["nucleus_area", "z_level"] + (["nucleus_count"] if major >= (2, 0) else [])
    values = [xy, np.full((n, 1), area), xy, np.full((n, 1), area / 4), np.full((n, 1), 3.0)]
    values += [np.ones((n, 1))] if major >= (2, 0) else []
    store = zarr.storage.ZipStore(path, mode="w")
    root = zarr.open_group(store, mode="w", zarr_format=2)
    root.create_array("cell_id", data=numbers if major >= (1, 3) else np.arange(1, n + 1, dtype=np.uint32))
    root.create_array("cell_summary", data=np.hstack(values), attributes={"column_names": columns})
    for number, mask in enumerate(masks):
        root.create_array(f"masks/{number}", data=mask, chunks=(1024, 1024))
        if major >= (2, 0):
            root.create_array(f"polygon_sets/{number}/cell_index", data=np.arange(n, dtype=np.uint32))
    if (1, 3) <= major < (2, 0):
        root.create_array("seg_mask_value", data=np.arange(1, n + 1, dtype=np.uint32))
    store.close()


def _write_morphology(folder: Path, pixels: np.ndarray, major: tuple) -> None:
    if major < (2, 0):
        for name in ("morphology_mip.ome.tif", "morphology_focus.ome.tif"):
            tifffile.imwrite(folder / name, pixels[None], ome=True, metadata={"axes": "CYX"}, tile=(512, 512))
        return
    (folder / "morphology_focus").mkdir()
    file = folder / "morphology_focus" / "morphology_focus_0000.ome.tif"
    tifffile.imwrite(file, pixels[None], ome=True, metadata={"axes": "CYX"}, tile=(512, 512))


def read_xenium(folder: Path, **options):
    """The section through the real reader."""
    import spatialdata_io

    return spatialdata_io.xenium(folder, **options)
