"""The reader of HEST-1k, on a folder in its layout."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import shapely
import spatialdata

import spacrd
from spacrd.datasets import hest
from tests.making.hest import MPP, TECHNOLOGIES, places, write_hest


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_a_section_of_every_technology_goes_from_the_folder_to_patches(tmp_path: Path, technology: str) -> None:
    sdata = hest(write_hest(tmp_path, "NCBI7", technology), "NCBI7")
    table = sdata["table"]
    assert table.X.dtype == np.float32 and table.shape == (36, 3)
    assert list(table.obs)[:6] == ["in_tissue", "array_row", "array_col", "spot_id", "region", "pxl_col_in_fullres"]
    np.testing.assert_array_equal(table.obsm["spatial"], places(technology)[["x", "y"]])
    assert sdata.coordinate_systems == ["NCBI7"] and list(sdata.images) == ["NCBI7_full_image"]
    assert list(sdata["NCBI7_full_image"]) == ["scale0", "scale1", "scale2"]
    spacrd.pp.extract_patches(sdata)
    facts = table.uns["spacrd"]["X_handcrafted"]["sections"]["NCBI7"]
    assert facts["mpp"] == pytest.approx(MPP) and "microns_per_pixel" in facts["mpp_source"]
    wide = {"Visium": 65.0, "Spatial Transcriptomics": 100.0, "Xenium": 100.0, "Visium HD": 100.0}
    assert facts["patch_um"] == pytest.approx(wide[technology], rel=1e-3)


def test_the_metadata_stay_with_the_section(tmp_path: Path) -> None:
    sdata = hest(write_hest(tmp_path), "TENX1")
    table = sdata["table"]
    metadata = table.uns["spatial"]["TENX1"]["metadata"]
    assert metadata["organ"] == "Breast" and "pixel_size_um_embedded" not in metadata
    assert set(table.obs["patient"]) == {"Patient 1"} and table.var["mito"].eq(False).all()
    sdata.write(tmp_path / "one.zarr")
    again = spatialdata.read_zarr(tmp_path / "one.zarr")
    assert again["table"].uns["spatial"]["TENX1"]["scalefactors"]["microns_per_pixel"] == MPP


def test_a_pixel_size_that_contradicts_the_array_is_warned_of(tmp_path: Path) -> None:
    file = write_hest(tmp_path) / "metadata" / "TENX1.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "pixel_size_um_estimated": 2.0}))
    with pytest.warns(spacrd.SpacrdWarning, match=r"Two sources disagree.*2 um per image pixel.*against 1 "):
        spacrd.pp.extract_patches(hest(tmp_path, "TENX1"))


def test_without_a_pixel_size_the_array_says_the_scale(tmp_path: Path) -> None:
    file = write_hest(tmp_path) / "metadata" / "TENX1.json"
    file.write_text(json.dumps({"st_technology": "Visium", "pixel_size_um_estimated": None}))
    with pytest.warns(spacrd.SpacrdWarning, match="state no pixel size"):
        sdata = hest(tmp_path, "TENX1")
    spacrd.pp.extract_patches(sdata)
    facts = sdata["table"].uns["spacrd"]["X_handcrafted"]["sections"]["TENX1"]
    assert facts["mpp"] == pytest.approx(MPP) and "lattice" in facts["mpp_source"]


def test_outlines_of_cells_are_read_where_there_are_some(tmp_path: Path) -> None:
    root = write_hest(tmp_path, technology="Xenium", cells=True)
    sdata = hest(root, "TENX1")
    assert set(sdata.shapes) == {"TENX1", "TENX1_xenium_cells", "TENX1_xenium_nuclei"}
    assert list(sdata["TENX1_xenium_cells"].index) == [f"cell-{i}" for i in range(5)]
    assert sdata["TENX1_xenium_cells"].area.eq(56).all()
    assert set(hest(root, "TENX1", cells=False).shapes) == {"TENX1"}
    spacrd.pp.extract_patches(sdata)


def test_a_section_without_an_image_is_read(tmp_path: Path) -> None:
    root = write_hest(tmp_path)
    (root / "wsis" / "TENX1.tif").unlink()
    assert not hest(root, "TENX1").images


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        hest(tmp_path / "nowhere", "TENX1")
    with pytest.raises(FileNotFoundError, match="has no counts"):
        hest(tmp_path, "TENX1")
    root = write_hest(tmp_path, cells=True)
    with pytest.raises(ValueError, match=r"no section '\.\./TENX1'.*Available: 'TENX1'"):
        hest(root, "../TENX1")
    outlines = root / "xenium_seg" / "TENX1_xenium_cell_seg.parquet"
    outlines.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="no outlines of cells"):
        hest(root, "TENX1")
    outlines.unlink()
    (root / "metadata" / "TENX1.json").write_text("[1]")
    with pytest.raises(ValueError, match="must hold names and values"):
        hest(root, "TENX1")
    (root / "metadata" / "TENX1.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        hest(root, "TENX1")
    (root / "metadata" / "TENX1.json").unlink()
    with pytest.raises(FileNotFoundError, match="no metadata"):
        hest(root, "TENX1")
    write_hest(root)
    (root / "st" / "TENX1.h5ad").write_bytes(b"\x89HDF")
    with pytest.raises(ValueError, match=r"TENX1\.h5ad' cannot be read"):
        hest(root, "TENX1")


@pytest.mark.parametrize("column", ["in_tissue", "array_row", "array_col"])
@pytest.mark.parametrize("value", [float("nan"), "yes", 0.5])
def test_a_column_that_holds_no_whole_numbers_is_named(tmp_path: Path, column: str, value: object) -> None:
    file = write_hest(tmp_path) / "st" / "TENX1.h5ad"
    table = ad.read_h5ad(file)
    table.obs[column] = value
    table.write_h5ad(file)
    with pytest.raises(ValueError, match=rf"TENX1\.h5ad': obs\['{column}'\] must hold whole numbers, got '{value}'"):
        hest(tmp_path, "TENX1")


@pytest.mark.parametrize("spatial", [np.full((36, 2), np.nan), np.ones((36, 1)), np.full((36, 2), "a")])
def test_places_that_are_none_are_named(tmp_path: Path, spatial: np.ndarray) -> None:
    file = write_hest(tmp_path) / "st" / "TENX1.h5ad"
    table = ad.read_h5ad(file)
    table.obsm["spatial"] = spatial
    table.write_h5ad(file)
    with pytest.raises(ValueError, match=r"TENX1\.h5ad': obsm\['spatial'\] must hold finite x and y"):
        hest(tmp_path, "TENX1")


def test_a_file_without_counts_or_cells_is_named(tmp_path: Path) -> None:
    file = write_hest(tmp_path) / "st" / "TENX1.h5ad"
    cells = tmp_path / "xenium_seg" / "TENX1_xenium_cell_seg.parquet"
    pd.DataFrame({"geometry": shapely.to_wkb([shapely.Point(1, 1)])}).to_parquet(cells)
    with pytest.raises(ValueError, match="holds no outline of a cell"):
        hest(tmp_path, "TENX1")
    table = ad.read_h5ad(file)
    table.X = None
    table.write_h5ad(file)
    with pytest.raises(ValueError, match="holds no counts: 36 spots, 3 genes"):
        hest(tmp_path, "TENX1")


def test_metadata_that_no_file_can_hold_are_left_out(tmp_path: Path) -> None:
    file = write_hest(tmp_path) / "metadata" / "TENX1.json"
    odd = {"a/b": 1, "": 1, "large": 10**30, "nul": "a\0b"}
    file.write_text(json.dumps({**json.loads(file.read_text()), **odd}))
    sdata = hest(tmp_path, "TENX1")
    assert not set(odd) & set(sdata["table"].uns["spatial"]["TENX1"]["metadata"])
    sdata["table"].write_h5ad(tmp_path / "table.h5ad")


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    root = write_hest(tmp_path)
    other = write_hest(tmp_path / "other", technology="Spatial Transcriptomics")
    (root / "st" / "TENX1.h5ad").write_bytes((other / "st" / "TENX1.h5ad").read_bytes())
    with pytest.raises(ValueError, match="times as large"):
        hest(root, "TENX1")


def with_pixel_size(root: Path, value: object) -> Path:
    file = write_hest(root) / "metadata" / "TENX1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pixel_size_um_estimated": value}))
    return root


@pytest.mark.parametrize("value", ["0.5", " 0.5 ", 0.5])
def test_a_pixel_size_that_is_text_is_read(tmp_path: Path, value: object) -> None:
    table = hest(with_pixel_size(tmp_path, value), "TENX1")["table"]
    assert table.uns["spatial"]["TENX1"]["scalefactors"]["microns_per_pixel"] == 0.5


@pytest.mark.parametrize("value", ["", "nan", "None", None, float("nan")])
def test_a_pixel_size_that_is_missing_is_told(tmp_path: Path, value: object) -> None:
    with pytest.warns(spacrd.SpacrdWarning, match="the metadata state no pixel size"):
        hest(with_pixel_size(tmp_path, value), "TENX1")


@pytest.mark.parametrize("value", [0, -1, "-0.5", "0,5", "0.5 um", {"a": 1}, [0.5], True, float("inf"), "inf", 10**400])
def test_a_pixel_size_that_is_none_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(
        ValueError, match="pixel_size_um_estimated must be micrometres per pixel, a positive number, got"
    ):
        hest(with_pixel_size(tmp_path, value), "TENX1")
