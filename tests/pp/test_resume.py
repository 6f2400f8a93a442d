"""An interrupted extraction continues, and only if nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import spacrd
from tests.making.colour_encoder import KEY, extract
from tests.making.image_sections import SIZE, make_adata

# The images of these tests are of one colour each.
pytestmark = pytest.mark.filterwarnings("ignore:Image .* is of one colour")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr("spacrd.pp._embed.BLOCK", 8)


@pytest.fixture
def calls():
    """How many patches the encoder was given; it is interrupted after ``stop`` of them."""
    seen = {"n": 0, "stop": 10**9}

    def encode(patches):
        if seen["n"] >= seen["stop"]:
            raise KeyboardInterrupt
        seen["n"] += len(patches)
        return patches.mean((1, 2))

    spacrd.encoders.register("colour", encode, dim=3, size=32, overwrite=True)
    return seen


def interrupt(folder, calls, stop=40):
    """Leave the blocks of the first patches behind."""
    adata = make_adata()
    calls["stop"] = stop
    with pytest.raises(KeyboardInterrupt):
        extract(adata, resume=folder, batch_size=4)
    assert KEY not in adata.obsm
    calls.update(n=0, stop=10**9)


@pytest.mark.parametrize("batch_size", [4, 7])
def test_finished_blocks_are_not_embedded_again(tmp_path, calls, batch_size):
    whole = extract(make_adata()).obsm[KEY]
    calls["n"] = 0
    interrupt(tmp_path, calls)
    table = extract(make_adata(), resume=tmp_path, batch_size=batch_size)
    assert np.array_equal(table.obsm[KEY], whole)
    assert calls["n"] == len(whole) - 40 + batch_size  # the first batch once more, to compare
    calls["n"] = 0
    again = extract(make_adata(), resume=tmp_path)
    assert np.array_equal(again.obsm[KEY], whole) and calls["n"] == 8


def test_a_killed_process_loses_its_last_block_alone(tmp_path, calls):
    script = f"""
import os
import spacrd
import spacrd.pp._embed
from tests.making.image_sections import make_adata
spacrd.pp._embed.BLOCK = 8
seen = 0
def encode(patches):
    global seen
    seen += len(patches)
    if seen > 44:
        os._exit(9)
    return patches.mean((1, 2))
spacrd.encoders.register("colour", encode, dim=3, size=32)
spacrd.pp.extract_patches(make_adata(), encoder="colour", batch_size=4, resume={str(tmp_path)!r})
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 9
    table = extract(make_adata(), resume=tmp_path, batch_size=4)
    assert calls["n"] == table.n_obs - 40 + 4
    assert np.array_equal(table.obsm[KEY], extract(make_adata()).obsm[KEY])


def _pixels(adata):
    adata.uns["spatial"]["one"]["images"]["fullres"] = 255 - adata.uns["spatial"]["one"]["images"]["fullres"]


def _spots(adata):
    adata.obsm["spatial"] += 1


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (_pixels, {}, "image or the place of the spots is not what it was"),
        (_spots, {}, "one'.*'spots' differ"),
        (None, {"patch_um": 60.0}, "'patch_side' differ"),
    ],
)
def test_what_was_made_otherwise_is_refused(tmp_path, calls, change, arguments, message):
    interrupt(tmp_path, calls)
    adata = make_adata()
    if change:
        change(adata)
    with pytest.raises(ValueError, match=message):
        extract(adata, resume=tmp_path, **arguments)
    assert KEY not in adata.obsm
    extract(make_adata(), resume=tmp_path)  # nothing was lost


def test_an_encoder_that_has_changed_is_refused(tmp_path, calls):
    interrupt(tmp_path, calls)
    spacrd.encoders.register("colour", lambda p: p.mean((1, 2)) + 5, dim=3, size=32, overwrite=True)
    with pytest.raises(ValueError, match="it has changed"):
        extract(make_adata(), resume=tmp_path)
    spacrd.encoders.register("colour", lambda p: p.mean((1, 2)), dim=3, size=16, overwrite=True)
    with pytest.raises(ValueError, match="'size' differ"):
        extract(make_adata(), resume=tmp_path)


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="something else"):
        extract(make_adata(), resume=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(ValueError, match="something else"):
        extract(make_adata(), resume=tmp_path / "notes.txt")
    with pytest.raises(TypeError, match="resume must be"):
        extract(make_adata(), resume=5)


def test_nothing_is_written_unless_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extract(make_adata())
    assert not list(tmp_path.iterdir())


def test_a_mistake_leaves_no_folder(tmp_path):
    with pytest.raises(KeyError, match="no image"):
        extract(make_adata(), resume=tmp_path / "new", image_key="nothing")
    assert not (tmp_path / "new").exists()


def test_sections_have_their_own_blocks(tmp_path, calls):
    grey = np.full((SIZE, SIZE, 3), 77, np.uint8)
    sections = [make_adata(), make_adata(fullres=grey)]
    n = sections[0].n_obs
    calls["stop"] = n + 16
    with pytest.raises(KeyboardInterrupt):
        spacrd.pp.extract_patches(sections, encoder="colour", resume=tmp_path, batch_size=4)
    assert all(KEY not in section.obsm for section in sections)
    calls.update(n=0, stop=10**9)
    spacrd.pp.extract_patches(sections, encoder="colour", resume=tmp_path, batch_size=4)
    assert calls["n"] == n - 16 + 2 * 4
    assert (sections[1].obsm[KEY] == 77).all()
    assert np.array_equal(sections[0].obsm[KEY], extract(make_adata()).obsm[KEY])
