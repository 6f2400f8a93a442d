"""Files that are cut short, garbled or lack a part: an error in our words, or a warning; never a silent result."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import spatialdata
import tifffile
import zarr
from scipy.sparse import csr_matrix

import spacrd
from tests.making import colour_encoder
from tests.making.colour_encoder import KEY, extract
from tests.making.image_sections import make_adata, make_sdata
from tests.making.recipes import SHORT
from tests.making.sections import POSITIVE, make_section
from tests.making.states import state


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    colour_encoder.register(monkeypatch)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("tile", [None, (128, 128)])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_truncated_tiff_is_refused(tmp_path, compression, tile, workers):
    file = tmp_path / "slide.tif"
    pixels = make_adata().uns["spatial"]["one"]["images"]["fullres"]
    rows = None if tile else 50
    tifffile.imwrite(file, pixels, tile=tile, compression=compression, photometric="rgb", rowsperstrip=rows)
    with file.open("r+b") as stream:
        stream.truncate(int(file.stat().st_size * 0.6))
    with tifffile.TiffFile(file) as opened:
        adata = make_adata(fullres=da.from_zarr(zarr.open(opened.aszarr(), mode="r")))
        before = state(adata.obsm) | state(adata.obs)
        with pytest.raises(ValueError, match=r"cannot be read at x \d+ to \d+, y \d+ to \d+ .* damaged, cut short"):
            extract(adata, n_workers=workers)
        assert state(adata.obsm) | state(adata.obs) == before
        with pytest.raises(ValueError, match="cannot be read at"):
            spacrd.pl.likelihood(_scored(adata), show=False)


def _scored(adata):
    adata.obs["spacrd_likelihood"] = np.linspace(0, 1, adata.n_obs, dtype=np.float32)
    return adata


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "section.zarr"
    make_sdata(chunks=(3, 128, 128)).write(path)
    return path


def chunks(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "zarr.json")


@pytest.mark.parametrize("left", [0, 100, "garbled"])
def test_a_damaged_chunk_is_refused(store, tmp_path, left):
    copied = shutil.copytree(store, tmp_path / "copy.zarr")
    file = chunks(copied / "images")[12]
    file.write_bytes(os.urandom(file.stat().st_size) if left == "garbled" else file.read_bytes()[:left])
    sdata = spatialdata.read_zarr(copied)
    with pytest.raises(ValueError, match="cannot be read at"):
        extract(sdata)
    assert KEY not in sdata["table"].obsm


def test_a_missing_chunk_is_seen(store, tmp_path):
    copied = shutil.copytree(store, tmp_path / "copy.zarr")
    whole = extract(spatialdata.read_zarr(copied)).obsm[KEY]
    chunks(copied / "images")[12].unlink()
    with pytest.warns(UserWarning, match=r"(\d+) of \d+ patches are black .*part of image 'one_full_image' is missing"):
        table = extract(spatialdata.read_zarr(copied))
    black = (table.obsm[KEY] < 0.5 * whole).any(axis=1)
    assert black.any()


def test_the_search_for_missing_chunks_in_the_docs(store, tmp_path, capsys, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "faults.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    chunks(shutil.copytree(store, Path("section.zarr")) / "images")[12].unlink()
    exec(code, {})
    assert "images/one_full_image/s0 1 of 25 chunks are not on disk" in capsys.readouterr().out


def test_a_colour_that_is_missing_is_seen_wherever_patches_are_embedded(tmp_path, monkeypatch):
    monkeypatch.setattr("spacrd.pp._embed.BLOCK", 8)
    pixels = make_adata().uns["spatial"]["one"]["images"]["fullres"].copy()
    pixels[:300, :300, 1] = 0
    for _ in range(2):  # the second time from the blocks that were kept
        with pytest.warns(UserWarning, match=r"2\d of \d+ patches are black or lack a colour"):
            extract(make_adata(fullres=pixels), resume=tmp_path, batch_size=4)


@pytest.mark.filterwarnings("error:.*patches are black")
def test_dark_stain_is_no_missing_chunk():
    pixels = make_adata().uns["spatial"]["one"]["images"]["fullres"].copy()
    pixels[:300, :300] = (40, 1, 60)
    extract(make_adata(fullres=pixels))


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_a_image_may_be_an_array_on_disk(tmp_path, kind):
    import h5py

    pixels = make_adata().uns["spatial"]["one"]["images"]["fullres"]
    wanted = extract(make_adata()).obsm[KEY]
    if kind == "zarr":
        stored = zarr.create_array(tmp_path / "a.zarr", data=pixels, chunks=(200, 200, 3))
    else:
        stored = h5py.File(tmp_path / "a.h5", "w").create_dataset("a", data=pixels, chunks=(200, 200, 3))
    np.testing.assert_array_equal(extract(make_adata(fullres=stored)).obsm[KEY], wanted)


# --- tables


def fit(table):
    return spacrd.tl.fit(table, "pathologist", positive=POSITIVE, recipe=SHORT)


@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_a_sparse_matrix_that_lacks_a_chunk_is_refused(part, model):
    table = make_section(3)
    values = getattr(table.X, part)
    values[len(values) // 4 : len(values) // 2] = 0  # what zarr reads where a chunk is missing
    with pytest.raises(ValueError, match="(gene that the same spot has|overlap in the sparse).* copy the file again"):
        spacrd.tl.score(table, model)


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_spots_without_counts_are_told(form, model):
    table = make_section(3)
    table.X.data[: table.X.indptr[20]] = 0
    if form == "dense":
        table.X = table.X.toarray()
    with pytest.warns(UserWarning, match="20 of 90 spots have no counts.*part of the file may be missing"):
        spacrd.tl.score(table, model)


def test_counts_that_are_meant_to_be_added(model):
    table = make_section(3)
    wanted = spacrd.tl.score(table, model, copy=True).obs["spacrd_likelihood"]
    x = table.X
    halves = csr_matrix((np.repeat(x.data / 2, 2), np.repeat(x.indices, 2), 2 * x.indptr), shape=x.shape)
    table.X = halves
    with pytest.raises(ValueError, match="sum_duplicates"):
        spacrd.tl.score(table, model)
    table.X.sum_duplicates()
    spacrd.tl.score(table, model)
    np.testing.assert_array_equal(table.obs["spacrd_likelihood"], wanted)


def test_embeddings_that_are_not_numbers(model):
    table = make_section(3)
    whole = spacrd.tl.score(table, model, copy=True)
    table.obsm["X_mine"][5] = np.nan  # off the image
    table.obsm["X_mine"][9, 2] = np.nan
    scored = spacrd.tl.score(table, model, copy=True)
    assert scored.obs["spacrd_likelihood"].notna().all()  # their genes and their neighbours speak
    far = np.linalg.norm(table.obsm["spatial"] - table.obsm["spatial"][5], axis=1) > 600
    np.testing.assert_allclose(scored.obs["spacrd_likelihood"][far], whole.obs["spacrd_likelihood"][far], atol=0.2)
    table.obsm["X_mine"][7, 0] = np.inf
    before = state(table)
    for call in (lambda: spacrd.tl.score(table, model), lambda: fit(table)):
        with pytest.raises(ValueError, match="obsm\\['X_mine'\\] holds infinite values"):
            call()
    assert state(table) == before
    table.obsm["X_mine"][:30] = 0
    with pytest.warns(UserWarning, match="zero throughout for 30 of 90 spots"):
        spacrd.tl.score(table, model)
