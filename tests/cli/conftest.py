"""Small sections on disk, a model of two of them, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import spacrd
from spacrd._cli import main

LABELS = ("--label-key", "pathologist", "--positive", "invasive cancer", "--positive", "cancer in situ")


class Said(NamedTuple):
    """What one call of the command line left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def call(*words: object) -> Said:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stopped:
            code = int(str(stopped.code))
        return Said(code, *capsys.readouterr())

    return call


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


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of ``toy_1.zarr`` to ``toy_3.zarr`` and ``toy_3.h5ad``, with patches; ``raw_3.zarr`` has none."""
    folder = tmp_path_factory.mktemp("toys")
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


@pytest.fixture(scope="session")
def model(toys: Path) -> Path:
    """A model of the first two, barely trained."""
    words = ["fit", toys / "toy_1.zarr", toys / "toy_2.zarr", *LABELS]
    words += ["--members", 1, "--max-epochs", 2, "--out", toys / "model", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return toys / "model"
