"""Blocks on the processes of a dask cluster."""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import pytest_socket

import spacrd
from tests.making.colour_encoder import KEY, extract
from tests.making.image_sections import SIZE, make_adata, make_sdata

# The images of these tests are of one colour each.
pytestmark = pytest.mark.filterwarnings("ignore:Image .* is of one colour")

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    """Two processes."""
    pytest_socket.enable_socket()
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, env=environment
    ) as started:
        yield started
        pytest_socket.enable_socket()


@pytest.fixture
def client(socket_enabled, cluster):
    with distributed.Client(cluster, timeout=120) as connected:
        yield connected


LIMIT = 600
"""Seconds after which a test that waits in vain ends its process, and says in which line."""


@pytest.fixture(autouse=True)
def _limit():
    faulthandler.dump_traceback_later(LIMIT, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr("spacrd.pp._embed.BLOCK", 8)


def encode_and_note(folder, *, die_at=None):
    """The mean colour; notes the process of each batch, and dies at one of them, once."""

    def encode(patches):
        (folder / f"{os.getpid()}-{len(list(folder.iterdir()))}").touch()
        if die_at is not None and len(list(folder.iterdir())) >= die_at and not (folder / "died").exists():
            (folder / "died").touch()
            os._exit(9)
        return patches.mean((1, 2))

    return encode


def processes(folder: Path) -> set[int]:
    return {int(file.name.split("-")[0]) for file in folder.iterdir() if file.name != "died"}


def test_workers_give_the_same_embedding(client, tmp_path):
    spacrd.encoders.register("noting", encode_and_note(tmp_path), dim=3, size=32)
    sections = [make_adata(), make_sdata(scale=2.0), make_adata(fullres=np.full((SIZE, SIZE, 3), 77, np.uint8))]
    spacrd.pp.extract_patches(sections, encoder="noting", client=client, batch_size=4, key_added=KEY)
    assert np.array_equal(sections[0].obsm[KEY], extract(make_adata()).obsm[KEY])
    assert np.array_equal(sections[1].tables["table"].obsm[KEY], extract(make_sdata(scale=2.0)).obsm[KEY])
    assert (sections[2].obsm[KEY] == 77).all()
    workers = processes(tmp_path)
    assert len(workers) == 2 and os.getpid() not in workers


def test_a_killed_worker_loses_nothing(client, tmp_path):
    spacrd.encoders.register("dying", encode_and_note(tmp_path, die_at=6), dim=3, size=32)
    adata = make_adata()
    spacrd.pp.extract_patches(adata, encoder="dying", client=client, batch_size=4, key_added=KEY)
    assert (tmp_path / "died").exists()
    assert np.array_equal(adata.obsm[KEY], extract(make_adata()).obsm[KEY])


def test_blocks_are_kept_and_continued(client, tmp_path):
    store, notes = tmp_path / "store", tmp_path / "notes"
    notes.mkdir()

    def encode(patches):
        (notes / f"{os.getpid()}-{len(list(notes.iterdir()))}").touch()
        if not (notes / "mended").exists() and len(list(notes.iterdir())) > 8:
            raise OSError("the disk of a worker is full")
        return patches.mean((1, 2))

    spacrd.encoders.register("failing", encode, dim=3, size=32)
    adata = make_adata()
    arguments = {"encoder": "failing", "client": client, "batch_size": 8, "key_added": KEY, "resume": store}
    with pytest.raises(OSError, match="disk of a worker"):
        spacrd.pp.extract_patches(adata, **arguments)
    assert KEY not in adata.obsm
    (notes / "mended").touch()
    before = len(list(notes.iterdir()))
    spacrd.pp.extract_patches(adata, **arguments)
    assert np.array_equal(adata.obsm[KEY], extract(make_adata()).obsm[KEY])
    assert len(list(notes.iterdir())) - before < -(-adata.n_obs // 8)
    # Without the cluster, the same blocks serve.
    before = len(list(notes.iterdir()))
    again = make_adata()
    spacrd.pp.extract_patches(again, encoder="failing", batch_size=8, key_added=KEY, resume=store)
    assert np.array_equal(again.obsm[KEY], adata.obsm[KEY]) and len(list(notes.iterdir())) == before + 1


def test_images_on_disk_are_read_and_persisted_ones_refused(client, tmp_path):
    expected = extract(make_adata()).obsm[KEY]
    image = make_adata().uns["spatial"]["one"]["images"]["fullres"]
    da.from_array(image, chunks=(200, 200, 3)).to_zarr(str(tmp_path / "image"))
    lazy = da.from_zarr(str(tmp_path / "image"))
    assert np.array_equal(extract(make_adata(fullres=lazy), client=client).obsm[KEY], expected)
    held = client.persist(lazy)
    assert np.array_equal(extract(make_adata(fullres=held)).obsm[KEY], expected)
    with pytest.raises(ValueError, match="'fullres' was persisted on a cluster"):
        extract(make_adata(fullres=held), client=client)


def test_nothing_stays_on_the_cluster(client):
    extract(make_adata(), client=client)
    until = time.monotonic() + 20
    while client.futures and time.monotonic() < until:  # what is released leaves a moment later
        time.sleep(0.01)
    assert not client.futures


def test_wrong_clients_are_refused():
    with pytest.raises(TypeError, match="dask.distributed.Client, got str"):
        extract(make_adata(), client="tcp://host:8786")
