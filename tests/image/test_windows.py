"""Windows of lazy arrays are read without the scheduler of dask; what that relies on in dask is pinned here."""

from __future__ import annotations

import dask
import dask.array as da
import dask.local
import numpy as np
import pytest
import zarr

from spacrd.image._windows import window_reader

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 60, 80), dtype=np.uint8)


@pytest.fixture
def lazy(tmp_path):
    """A dask array that reads a zarr array, as spatialdata opens an image."""
    stored = zarr.create_array(str(tmp_path / "image"), shape=PIXELS.shape, chunks=(3, 16, 20), dtype="uint8")
    stored[:] = PIXELS
    return da.from_zarr(stored)


@pytest.fixture
def no_scheduler(monkeypatch):
    """The scheduler of dask fails, so that only reading past it gives pixels."""

    def fail(*_, **__):
        raise AssertionError(
            "dask's scheduler was called: the graph of a zarr array has changed, see image/_windows.py"
        )

    monkeypatch.setattr(dask.local, "get_sync", fail)


def test_an_optimised_graph_has_one_task_for_each_chunk_that_reads_one_array(lazy):
    (optimised,) = dask.optimize(lazy)
    graph = dict(optimised.__dask_graph__())
    for key in np.ndindex(optimised.numblocks):
        task = graph[(optimised.name, *key)]
        assert callable(task), f"dask {type(task)} of a chunk cannot be called any more"
        inputs = [getattr(graph[name], "value", graph[name]) for name in task.dependencies]
        assert all(hasattr(value, "__array__") for value in inputs), "a chunk depends on other tasks than its array"


def test_windows_of_a_zarr_array_are_read_without_the_scheduler(lazy, no_scheduler):
    assert np.array_equal(window_reader(lazy)(10, 40, 15, 70), PIXELS[:, 10:40, 15:70])


def test_windows_of_a_turned_zarr_array_are_those_of_the_array(lazy):
    assert np.array_equal(window_reader(lazy[:, ::-1])(10, 40, 15, 70), PIXELS[:, ::-1][:, 10:40, 15:70])


def test_windows_of_a_computed_array_are_those_of_the_array():
    array = da.from_array(PIXELS, chunks=(1, 25, 33)).astype(np.uint16) + 1
    assert np.array_equal(window_reader(array)(5, 55, 0, 80), PIXELS[:, 5:55].astype(np.uint16) + 1)


def test_a_window_of_a_numpy_array_is_a_slice():
    assert np.array_equal(window_reader(PIXELS)(0, 1, 2, 5), PIXELS[:, 0:1, 2:5])
