"""A section of Visium HD with half a million bins through the five calls, and its cells.

``python -m benchmarks.half_million [--bins 500000]`` prints a table of CPU time and peak memory. There are bins of
8 um as squares, an image of 1 um per pixel in a zarr on disk, 2,000 genes, and a table of cells segmented on the same
image; it is read from a zarr as `spatialdata.read_zarr` reads it. One thread, one process; memory is that of the
process, with Python, its libraries and the section.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SPACRD_PROGRESS", "0")
os.environ.setdefault("SPACRD_DEVICE", "cpu")

import anndata as ad
import dask.array as da
import geopandas
import matplotlib
import numpy as np
import pandas as pd
import shapely
from benchmarks.scale import table as markdown
from benchmarks.scale_cases import Peak
from scipy.sparse import csr_matrix
from spatialdata import SpatialData, read_zarr
from spatialdata.models import Image2DModel, ShapesModel, TableModel
from spatialdata.transformations import Identity

import spacrd

matplotlib.use("Agg")
BIN_UM, MPP, N_GENES, DEPTH = 8.0, 1.0, 2000, 60
HD = {"table_key": "square_008um"}
SAMPLE = 20_000
"""Bins whose patches are embedded: all would take 20 minutes."""


def tumour(xy: np.ndarray, side: float) -> np.ndarray:
    """Share of cancer at each place: some round nests."""
    centres = np.random.default_rng(1).random((12, 2)) * side
    near = np.min([np.linalg.norm(xy - centre, axis=1) for centre in centres], axis=0)
    return 1 / (1 + np.exp((near - side / 12) / (side / 100)))


def counts(share: np.ndarray, seed: int) -> csr_matrix:
    """``DEPTH`` transcripts of each place; cancer draws from the first tenth of the genes more often."""
    rng = np.random.default_rng(seed)
    n = len(share)
    marker = rng.random((n, DEPTH)) < 0.1 + 0.3 * share[:, None]
    gene = np.where(marker, rng.integers(0, N_GENES // 10, marker.shape), rng.integers(0, N_GENES, marker.shape))
    rows = np.repeat(np.arange(n), DEPTH)
    made = csr_matrix((np.ones(n * DEPTH, np.float32), (rows, gene.ravel())), shape=(n, N_GENES))
    made.sum_duplicates()
    return made


def annotated(xy: np.ndarray, side: float, region: str, seed: int) -> ad.AnnData:
    """Table of the rows of a shapes element, as the reader makes it."""
    obs = pd.DataFrame({"location_id": np.arange(len(xy)), "region": pd.Categorical([region] * len(xy))})
    obs.index = [f"{region}_{i}" for i in range(len(xy))]
    var = pd.DataFrame(index=[f"g{i}" for i in range(N_GENES)])
    share = tumour(xy, side)
    made = ad.AnnData(counts(share, seed), obs=obs, var=var, obsm={"spatial": xy})
    made.obs["class"] = np.where(share > 0.5, "cancer", "normal")
    return TableModel.parse(made, region=region, region_key="region", instance_key="location_id")


def section(n_bins: int) -> SpatialData:
    """Bins and cells of one slide, and its image."""
    across = int(np.ceil(np.sqrt(n_bins)))
    row, column = np.divmod(np.arange(n_bins), across)
    xy = (np.column_stack([column, row]) + 1.5) * BIN_UM / MPP
    side = float(xy.max()) + 20
    half = BIN_UM / MPP / 2
    squares = shapely.box(*(xy - half).T, *(xy + half).T)
    cells = np.random.default_rng(2).random((n_bins // 3, 2)) * (side - 40) + 20
    outlines = shapely.buffer(shapely.points(cells), 5.0, quad_segs=2)
    where = {"hd": Identity()}
    shapes = {
        "hd_square_008um": ShapesModel.parse(geopandas.GeoDataFrame(geometry=squares), transformations=where),
        "hd_cell_segmentations": ShapesModel.parse(geopandas.GeoDataFrame(geometry=outlines), transformations=where),
    }
    tables = {
        "square_008um": annotated(xy, side, "hd_square_008um", 0),
        "cell_segmentations": annotated(cells, side, "hd_cell_segmentations", 3),
    }
    tables["square_008um"].obs["array_row"], tables["square_008um"].obs["array_col"] = row, column
    pixels = da.random.default_rng(0).integers(120, 250, (3, int(side), int(side)), np.uint8, chunks=(3, 1024, 1024))
    image = Image2DModel.parse(pixels, dims=("c", "y", "x"), scale_factors=[2, 2, 2], transformations=where)
    return SpatialData(images={"hd_full_image": image}, shapes=shapes, tables=tables)


def stored(n_bins: int, path: Path) -> SpatialData:
    """The section as it is read from disk."""
    section(n_bins).write(path)
    return read_zarr(path)


def sample(sdata: SpatialData, n: int) -> SpatialData:
    """The same section with some of its bins in the table."""
    some = np.sort(np.random.default_rng(0).permutation(sdata[HD["table_key"]].n_obs)[:n])
    return SpatialData(
        images=dict(sdata.images),
        shapes=dict(sdata.shapes),
        tables={HD["table_key"]: sdata[HD["table_key"]][some].copy()},
    )


def main() -> None:
    """Run everything in this process, one call after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bins", type=int, default=500_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: dict[str, dict[str, Any]] = {}

    def timed(name: str, n: int, call: Any) -> Any:
        with Peak() as peak:
            result = call()
        rows[name] = peak.result(n)
        print(name, rows[name], flush=True)
        return result

    n = arguments.bins
    with tempfile.TemporaryDirectory() as folder:
        train = section(20_000)
        options: dict[str, Any] = {"positive": "cancer"}
        of_bins = spacrd.tl.fit(train, "class", modality="expression", **HD, **options)
        spots_of = {"diameter_um": 55.0, "pitch_um": 100.0}
        small = spacrd.pp.pseudospots(train, label_key="class", **spots_of, **HD)
        of_spots = spacrd.tl.fit(small, "class", modality="expression", **options)
        sdata = stored(n, Path(folder) / "hd.zarr")
        few = sample(sdata, min(n, SAMPLE))
        timed(f"patches of {SAMPLE:,} of the bins", SAMPLE, lambda: spacrd.pp.extract_patches(few, **HD))
        spots = timed("pseudospots of bins", n, lambda: spacrd.pp.pseudospots(sdata, **spots_of, **HD))
        spacrd.tl.score(spots, of_spots)
        timed("to_cells", n, lambda: spacrd.tl.to_cells(sdata, spots, key="spacrd", **HD))
        timed("score of bins", n, lambda: spacrd.tl.score(sdata, of_bins, key_added="bins", **HD))
        found = timed("regions", n, lambda: spacrd.tl.regions(sdata, key="bins", **HD))
        print(len(found), "regions,", found["area_mm2"].sum(), "mm2")
        timed(
            "map", n, lambda: spacrd.pl.likelihood(sdata, key="bins", show=False, save=Path(folder) / "map.png", **HD)
        )
        cells = {"table_key": "cell_segmentations"}
        m = sdata[cells["table_key"]].n_obs
        spots = timed("pseudospots of cells", m, lambda: spacrd.pp.pseudospots(sdata, **spots_of, **cells))
        spacrd.tl.score(spots, of_spots)
        timed("to_cells, cells", m, lambda: spacrd.tl.to_cells(sdata, spots, **cells))
        truth = (sdata["square_008um"].obs["class"] == "cancer").to_numpy()
        for key in ("spacrd", "bins"):
            called = (sdata["square_008um"].obs[f"{key}_region"] == "cancer").to_numpy()
            print(f"{key}: {called.mean():.3f} called cancer, {(called == truth).mean():.3f} right")
    print(markdown(rows))


if __name__ == "__main__":
    main()
