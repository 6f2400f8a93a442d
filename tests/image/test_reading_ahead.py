"""The next patches are read while the caller works on these, and not many of them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from spacrd.image import Cutter, Pyramid

N = 40


class Watched:
    """An array with one tile for each patch that tells which were read."""

    shape, dtype, chunks = (3, 512, 512 * N), np.dtype(np.uint8), (3, 512, 512)

    def __init__(self):
        self.read = threading.Semaphore(0)
        self.count = 0

    def __getitem__(self, key):
        self.count += 1
        self.read.release()
        return np.full((3, 512, 512), key[2].start // 512, np.uint8)


@pytest.fixture
def stream():
    """An array and its batches, one patch each, for a number of threads."""
    opened = []

    def start(n_workers):
        array = Watched()
        xy = np.stack([np.arange(N) * 512 + 256.0, np.full(N, 256.0)], axis=1)
        cutter = Cutter(Pyramid((array,), np.eye(3)), xy, side=16, size=16)
        opened.append(cutter.batches(np.array_split(cutter.order, N), n_workers))
        return array, opened[-1]

    yield start
    for batches in opened:
        batches.close()


def test_the_next_batch_is_read_meanwhile(stream):
    array, batches = stream(1)
    next(batches)
    assert all(array.read.acquire(timeout=20) for _ in range(2))


@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_only_few_batches_wait(stream, n_workers):
    array, batches = stream(n_workers)
    for taken, _ in enumerate(batches, start=1):
        if taken == 5:
            break
    while array.read.acquire(timeout=0.2):  # until nothing is read any more
        pass
    assert 5 < array.count <= 5 + n_workers + 1


def test_without_threads_nothing_is_read_ahead(stream):
    array, batches = stream(0)
    next(batches)
    assert array.count == 1


def test_a_caller_that_stops_stops_the_threads(stream):
    array, batches = stream(2)
    next(batches)
    before = threading.active_count()
    batches.close()
    assert threading.active_count() < before and array.count < N // 2


def test_order_and_content_do_not_depend_on_threads(stream):
    for n_workers in (0, 3):
        _, batches = stream(n_workers)
        seen = [
            (int(row), int(patch.max())) for rows, patches in batches for row, patch in zip(rows, patches, strict=True)
        ]
        assert seen == [(i, i) for i in range(N)]
