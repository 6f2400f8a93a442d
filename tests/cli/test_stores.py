"""Results in a copy of a SpatialData store."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import spatialdata
from spatialdata._io.format import SpatialDataContainerFormatV01, SpatialDataContainerFormatV02


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", [SpatialDataContainerFormatV01, SpatialDataContainerFormatV02])
def test_what_did_not_change_is_the_same_to_the_byte(version, toys: Path, model: Path, tmp_path: Path, cli) -> None:
    section = spatialdata.read_zarr(toys / "toy_3.zarr")
    section.tables["other"] = section.tables["table"][:5].copy()
    section.attrs["patient"] = 7
    source, out = tmp_path / "in.zarr", tmp_path / "out.zarr"
    section.write(source, sdata_formats=version())
    (source / "images" / "note.txt").write_text("of another program")
    for folder, _, _ in os.walk(source):
        Path(folder).chmod(0o555)
    before = contents(source)
    said = cli("score", source, "--model", model, "--out", out)
    assert said.code == 0, said.err
    assert contents(source) == before
    after = contents(out)
    for name in before.keys() | after.keys():
        if not name.startswith(("tables/table/", ".zmetadata", "zarr.json")):
            assert before[name] == after[name], name
    written = spatialdata.read_zarr(out)
    assert written.attrs["patient"] == 7 and set(written.tables) == {"table", "other"}
    assert "spacrd_likelihood" in written.tables["table"].obs and "spacrd_likelihood" not in written.tables["other"].obs
    assert "spacrd_likelihood" in (out / (".zmetadata" if ".zmetadata" in after else "zarr.json")).read_text()


def test_patch_squares_are_replaced(toys: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "out.zarr"
    for side, words in ((65, []), (100, ["--overwrite", "--patch-um", 100])):
        source = toys / "raw_3.zarr" if side == 65 else out
        said = cli("patches", source, "--out", out, "--store-shapes", "squares", *words)
        assert said.code == 0, said.err
        squares = spatialdata.read_zarr(out).shapes["squares"]
        np.testing.assert_allclose(squares.area, side**2, rtol=1e-3)
