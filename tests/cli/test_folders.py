"""Output folders of instruments, through their real readers."""

from __future__ import annotations

from pathlib import Path

import pytest
import spatialdata


@pytest.mark.parametrize("version", [1, 3])
def test_patches_of_a_visium_folder(version: int, visium_folder, tmp_path: Path, cli) -> None:
    outs = visium_folder(version).path
    said = cli("patches", outs, "--out-dir", tmp_path, "--json", "--encoder", "handcrafted")
    assert said.code == 0, said.err
    (section,) = said.json["sections"]
    # Space Ranger 1 does not name its files; the section is then named after the folder of the run.
    name = "slide" if version == 3 else outs.parent.name
    assert section["section"] == name and section["image"] == f"{name}_hires_image"
    assert said.json["outputs"] == [str(tmp_path / f"{outs.parent.name}.zarr")]
    image = outs.parent / "he.tif"
    said = cli("patches", outs.parent, "--fullres-image", image, "--out", tmp_path / "full.zarr", "--json")
    assert said.json["sections"][0]["image"] == f"{name}_full_image", said.err
    assert f"{name}_full_image" in spatialdata.read_zarr(tmp_path / "full.zarr").images


def test_patches_of_a_visium_hd_folder_need_a_bin_size(hd_folder, tmp_path: Path, cli) -> None:
    said = cli("patches", hd_folder.path, "--out", tmp_path / "hd.zarr")
    assert said.code == 2 and "--table-key: 'square_002um', 'square_008um', 'square_016um'" in said.err
    assert said.err.count("\n") == 2
    words = ["patches", hd_folder.path, "--table-key", "square_016um", "--out", tmp_path / "hd.zarr", "--json"]
    said = cli(*words)
    assert said.code == 0, said.err
    assert said.json["sections"][0]["mpp"] == pytest.approx(0.5, rel=1e-3)
    assert "square_002um" not in spatialdata.read_zarr(tmp_path / "hd.zarr").tables


def test_patches_of_a_xenium_folder(xenium_folder, tmp_path: Path, cli) -> None:
    said = cli("patches", xenium_folder().path, "--out", tmp_path / "xenium.zarr", "--json")
    assert said.code == 0, said.err
    assert said.json["sections"][0]["image"] == "he_image"
    assert "Transcripts stay behind" in said.err
    written = spatialdata.read_zarr(tmp_path / "xenium.zarr")
    assert not written.points and "X_handcrafted" in written.tables["table"].obsm


def test_a_folder_with_files_missing_is_named(visium_folder, tmp_path: Path, cli) -> None:
    import shutil

    outs = tmp_path / "run" / "outs"
    shutil.copytree(visium_folder().path, outs)
    (outs / "spatial" / "tissue_positions.csv").unlink()
    said = cli("patches", tmp_path / "run", "--out", tmp_path / "x.zarr")
    line = said.err.splitlines()[-1]
    assert said.code == 2 and "Visium folder" in line and "tissue_positions" in line
    said = cli("patches", outs, "--out", tmp_path / "x.zarr", "--fullres-image", "absent.tif")
    assert said.code == 2 and "no image 'absent.tif'" in said.err
