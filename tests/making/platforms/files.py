"""File formats that several 10x platforms share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image
from scipy import sparse

from .tissue import Measured


def write_10x_h5(path: Path, measured: Measured, barcodes: Sequence[str], rows: np.ndarray | None = None) -> None:
    """Counts as Space Ranger and Xenium write them: barcodes are columns, genes rows, compressed by barcode."""
    counts = sparse.csr_matrix(measured.counts if rows is None else measured.counts[rows])
    with h5py.File(path, "w") as file:
        file.attrs["filetype"], file.attrs["version"] = "matrix", 2
        file.attrs["library_ids"] = np.array([b"generated"])
        group = file.create_group("matrix")
        group["barcodes"] = np.array(list(barcodes), dtype="S")
        group["data"], group["indices"] = counts.data.astype(np.int32), counts.indices.astype(np.int64)
        group["indptr"] = counts.indptr.astype(np.int64)
        group["shape"] = np.array(counts.shape[::-1], np.int32)
        features = group.create_group("features")
        features["id"], features["name"] = (np.array(x, dtype="S") for x in (measured.ensembl, measured.genes))
        features["feature_type"] = np.array(["Gene Expression"] * len(measured.genes), dtype="S")
        features["genome"] = np.array(["GRCh38"] * len(measured.genes), dtype="S")
        features["_all_tag_keys"] = np.array(["genome"], dtype="S")


def write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content))


def write_tiff(path: Path, pixels: np.ndarray, **options: object) -> None:
    """RGB TIFF, (height, width, 3), in tiles."""
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), **options)


def write_reduced(folder: Path, pixels: np.ndarray, sizes: dict[str, int]) -> dict[str, float]:
    """``tissue_<name>_image.png`` of these longest sides; pixels of each to one full-resolution pixel."""
    factors = {}
    height, width = pixels.shape[:2]
    for name, size in sizes.items():
        factor = size / max(height, width)
        small = (round(width * factor), round(height * factor))
        reduced = Image.fromarray(pixels).resize(small, Image.Resampling.BOX)
        reduced.save(folder / f"tissue_{name}_image.png")
        factors[f"tissue_{name}_scalef"] = factor
    return factors


def barcodes(n: int, suffix: str = "-1") -> list[str]:
    """Sixteen letters each, in an order that is not that of the array."""
    letters = np.array(list("ACGT"))
    codes = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(974711)) % np.uint64(2**32)
    spelled = letters[(codes[:, None] >> (2 * np.arange(16, dtype=np.uint64))) % np.uint64(4)]
    return ["".join(row) + suffix for row in spelled]
