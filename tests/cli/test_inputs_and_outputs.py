"""What inputs are told apart, and where outputs may go."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr

from spacrd._cli._inputs import Kind, find_input
from spacrd._cli._outputs import write_store


def listing(folder: Path) -> list[str]:
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*"))


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


LAYOUTS = {
    Kind.XENIUM: ["experiment.xenium"],
    Kind.VISIUM_HD: ["binned_outputs/square_008um/x", "spatial/x", "filtered_feature_bc_matrix.h5"],
    Kind.VISIUM: ["spatial/tissue_positions.csv", "slide_filtered_feature_bc_matrix.h5"],
}


@pytest.mark.parametrize("kind", LAYOUTS, ids=lambda kind: kind.name)
def test_output_folders_of_instruments_are_told_apart(kind: Kind, tmp_path: Path) -> None:
    for name in LAYOUTS[kind]:
        touch(tmp_path / "patient" / "outs" / name)
    for given in (tmp_path / "patient" / "outs", tmp_path / "patient"):
        found = find_input(str(given))
        assert (found.kind, found.name, found.path) == (kind, "patient", tmp_path / "patient" / "outs")


def test_stores_and_files_are_told_apart(toys: Path, tmp_path: Path) -> None:
    assert find_input(str(toys / "toy_1.zarr")).kind is Kind.SPATIALDATA
    assert find_input(str(toys / "toy_3.h5ad")).kind is Kind.H5AD
    assert find_input(str(toys / "toy_1.zarr" / "tables" / "table")).kind is Kind.ANNDATA


def test_results_are_named_after_their_input(toys: Path, tmp_path: Path, monkeypatch) -> None:
    for link in ("patient.1", "patient.2.zarr"):
        (tmp_path / link).symlink_to(toys / "toy_1.zarr")
        assert find_input(str(tmp_path / link)).name == link.removesuffix(".zarr")
    monkeypatch.chdir(toys / "toy_1.zarr")
    for given in (".", "../toy_1.zarr", "tables/.."):
        assert find_input(given).name == "toy_1"


def damaged(folder: Path) -> None:
    (folder / "x.h5ad").write_bytes(b"not HDF5")


def tenx(folder: Path) -> None:
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_group("matrix")


def other_hdf5(folder: Path) -> None:
    with h5py.File(folder / "x.h5ad", "w") as file:
        file["pixels"] = np.zeros(3)


def other_zarr(folder: Path) -> None:
    zarr.open_group(str(folder / "x.zarr"), mode="w").create_group("pixels")


def broken_zarr(folder: Path) -> None:
    touch(folder / "x.zarr" / "zarr.json")


def folder_of_files(folder: Path) -> None:
    touch(folder / "x" / "notes.txt")


def text(folder: Path) -> None:
    (folder / "x.csv").write_text("a,b\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (damaged, "no HDF5 file"),
        (tenx, "count matrix of 10x alone"),
        (other_hdf5, "no AnnData, in it: 'pixels'"),
        (other_zarr, "zarr store of unknown kind, in it: 'pixels'"),
        (broken_zarr, "cannot be opened"),
        (folder_of_files, "folder of unknown kind, in it: 'notes.txt'"),
        (text, "file of unknown kind"),
        (lambda folder: None, "no file or folder"),
    ],
)
def test_what_is_no_section_is_refused_in_one_line(make, says: str, tmp_path: Path, cli) -> None:
    make(tmp_path)
    path = next(tmp_path.iterdir(), tmp_path / "x.zarr")
    said = cli("evaluate", path, "--label-key", "k", "--positive", "p")
    assert said.code == 2 and says in said.err and said.err.count("\n") == 1


def test_a_damaged_store_is_named(toys: Path, tmp_path: Path, cli) -> None:
    store = zarr.open_group(str(tmp_path / "x.zarr"), mode="w")
    store.attrs["spatialdata_attrs"] = {"version": "0.2"}
    store.create_group("tables").create_group("table")
    said = cli("evaluate", tmp_path / "x.zarr", "--label-key", "k", "--positive", "p")
    assert said.code == 2 and "x.zarr" in said.err.splitlines()[-1]


@pytest.fixture
def score(toys: Path, model: Path, cli):
    def call(source: str | Path, *words: object):
        return cli("score", toys / source, "--model", model, *words)

    return call


@pytest.mark.parametrize(
    ("source", "words", "says"),
    [
        ("toy_3.zarr", ["--out", "x.h5ad"], "end it in .zarr"),
        ("toy_3.h5ad", ["--out", "x.csv"], "end it in .zarr or .h5ad"),
        ("toy_3.h5ad", ["--out", "there.h5ad"], "'there.h5ad' exists"),
        ("toy_3.h5ad", ["--out", "there.zarr", "--overwrite"], "not a zarr store"),
        ("toy_3.zarr", ["--out", "there.zarr", "--overwrite"], "not a zarr store"),
        ("toy_3.h5ad", ["--out", "folder.h5ad", "--overwrite"], "not a file"),
        ("toy_3.h5ad", ["--csv", "there.h5ad", "--overwrite"], "end it in .csv, .tsv"),
        ("toy_3.h5ad", ["--csv", "there.csv"], "'there.csv' exists"),
        ("toy_3.h5ad", ["--csv", "table.txt"], "end it in .csv, .tsv"),
        ("toy_3.h5ad", ["--csv", "n" * 300 + ".csv"], "too long for a path"),
        ("toy_3.h5ad", ["--out", "there.h5ad/x.h5ad"], "no folder you may write to"),
        ("toy_3.h5ad", ["--out-dir", "there.h5ad"], "must name a folder"),
        ("toy_3.h5ad", [], "Nothing would be written"),
        ("toy_3.h5ad", ["--fullres-image", "x.tif", "--csv", "x.csv"], "Space Ranger"),
    ],
)
def test_bad_places_are_refused_before_the_work(source, words, says, score, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.h5ad").write_text("precious")
    (tmp_path / "there.csv").write_text("precious")
    touch(tmp_path / "there.zarr" / "thesis.txt")
    (tmp_path / "folder.h5ad").mkdir()
    before = listing(tmp_path)
    said = score(source, *words)
    assert said.code == 2 and says in said.err and "Reading" not in said.err
    assert listing(tmp_path) == before and (tmp_path / "there.h5ad").read_text() == "precious"


def test_inputs_of_one_name_are_not_written_over_each_other(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    other = tmp_path / "toy_3.h5ad"
    other.write_bytes((toys / "toy_3.h5ad").read_bytes())
    said = cli("score", other, toys / "toy_3.h5ad", "--model", model, "--out-dir", tmp_path / "out")
    assert said.code == 2 and "'toy_3.h5ad'" in said.err
    said = cli("score", other, toys / "toy_3.h5ad", "--model", model, "--out", tmp_path / "out.h5ad")
    assert said.code == 2 and "--out-dir" in said.err


@pytest.mark.parametrize("name", ["toy_3.zarr", "toy_3.h5ad"])
def test_the_input_itself_can_be_replaced(name: str, toys: Path, tmp_path: Path, score, monkeypatch) -> None:
    import shutil

    import spatialdata

    source = toys / name
    copy = tmp_path / "data" / name
    copy.parent.mkdir()
    (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    link = tmp_path / f"link{copy.suffix}"
    link.symlink_to(copy)
    assert score(copy, "--out", copy).code == 2
    said = score(link, "--out", link, "--overwrite", "--quiet")
    assert said.code == 0, said.err
    assert link.is_symlink() and [item.name for item in copy.parent.iterdir()] == [name]
    if copy.is_dir():
        written = spatialdata.read_zarr(copy)
        assert np.asarray(written.images["toy_3_full_image"]["scale0"]["image"]).any()
        table = written.tables["table"]
    else:
        table = ad.read_h5ad(copy)
    assert table.obs["spacrd_likelihood"].notna().all()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.mkdir()
        (path / "half").touch()
        raise OSError("disk full")

    for target in (tmp_path / "old.zarr", tmp_path / "new" / "x.zarr"):
        if target.name == "old.zarr":
            touch(target / "zarr.json")
        with pytest.raises(OSError, match="disk full"):
            write_store(target, fail)
    assert listing(tmp_path) == ["new", "old.zarr", "old.zarr/zarr.json"]


def test_a_store_that_cannot_be_moved_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "old.zarr"
    touch(target / "zarr.json")
    with pytest.raises(FileNotFoundError):
        write_store(target, lambda path: None)  # there is nothing to move
    assert listing(tmp_path) == ["old.zarr", "old.zarr/zarr.json"]


def test_names_that_the_output_cannot_hold_are_refused_before_the_work(cli, model, tmp_path: Path) -> None:
    table = ad.AnnData(np.ones((3, 2), np.float32))
    table.obsm["spatial"] = np.arange(6.0).reshape(3, 2)
    table.var_names = ["a\0", "b"]
    table.write_zarr(tmp_path / "in.zarr")
    said = cli("score", tmp_path / "in.zarr", "--model", model, "--out", tmp_path / "out.h5ad")
    assert said.code == 2 and "HDF5 has no text with a null character" in said.err and "Scoring" not in said.err
    table.obs["slide"] = ["a", "A", "b"]
    table.write_zarr(tmp_path / "in.zarr")
    out = ("--library-key", "slide", "--out", tmp_path / "out.zarr")
    said = cli("score", tmp_path / "in.zarr", "--model", model, *out)
    assert said.code == 2 and "sections 'a', 'A', which differ in capital letters alone" in said.err
