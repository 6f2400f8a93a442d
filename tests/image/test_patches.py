from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr

from spacrd.image import Cutter, Pyramid, check_image, patch_positions
from tests.making.image_sections import SIZE, affine, colour_at, render

CENTRES = np.array([[300.0, 300.0], [200.3, 411.7], [420.5, 150.25], [150.0, 150.0]])


def cut(pyramid, xy=CENTRES, *, side=80.0, size=40, batch_size=64, n_workers=0, **tiles):
    out = np.zeros((len(xy), size, size, 3), np.uint8)
    seen = np.zeros(len(xy), int)
    cutter = Cutter(pyramid, xy, side=side, size=size, **tiles)
    parts = [cutter.order[i : i + batch_size] for i in range(0, len(xy), batch_size)]
    for rows, patches in cutter.batches(parts, n_workers):
        assert patches.dtype == np.uint8
        assert patches.shape[1:] == (size, size, 3)
        out[rows] = patches
        seen[rows] += 1
    assert (seen == 1).all()
    return out


def expected(xy=CENTRES, *, side=80.0, size=40):
    """What the patch must show, from the formula of the image."""
    offset = (np.arange(size) + 0.5) / size * side - side / 2
    x, y = np.meshgrid(offset, offset)
    return np.stack([colour_at(cx + x, cy + y).transpose(1, 2, 0) for cx, cy in xy])


def image(scale=1.0, degrees=0.0, flip=False):
    matrix, height, width = affine(scale, degrees, flip)
    return Pyramid((render(matrix, height, width),), matrix)


@pytest.mark.parametrize(
    ("scale", "degrees", "flip"),
    [
        (1, 0, False),
        (0.5, 0, False),
        (2, 0, False),
        (1, 90, False),
        (1, 180, False),
        (1, 270, True),
        (1, 0, True),
        (1, 7, False),
        (2, 7, False),
        (0.6, 33, True),
    ],
)
def test_every_view_of_the_tissue_gives_the_same_patch(scale, degrees, flip):
    patches = cut(image(scale, degrees, flip))
    error = np.abs(patches.astype(float) - expected())
    assert error.mean() < 0.6
    assert error.max() < 4


def test_shifted_images_give_the_same_patch():
    matrix, height, width = affine()
    matrix = matrix.copy()
    matrix[:2, 2] += [37.4, -11.8]
    patches = cut(Pyramid((render(matrix, height, width),), matrix))
    assert np.abs(patches.astype(float) - expected()).mean() < 0.6


def test_a_pixel_covers_its_square():
    image = np.zeros((3, 20, 20), np.uint8)
    image[:, 7, 12] = 255
    patch = cut(Pyramid((image,), np.eye(3)), np.array([[12.5, 7.5]]), side=3.0, size=3)[0, :, :, 0]
    assert patch.tolist() == [[0, 0, 0], [0, 255, 0], [0, 0, 0]]


def test_shrinking_is_antialiased():
    image = np.zeros((3, 400, 400), np.uint8)
    image[:, ::2] = 255
    for degrees in (0.0, 30.0):
        matrix, _, _ = affine(1.0, degrees, size=400)
        matrix[:2, 2] = np.array([200, 200]) - matrix[:2, :2] @ [200, 200]
        patch = cut(Pyramid((image,), matrix), np.array([[200.0, 200.0]]), side=160.0, size=16)
        assert np.ptp(patch.astype(int)) < 50
        assert abs(patch.mean() - 127.5) < 4


def test_the_coarsest_level_that_is_fine_enough_is_used():
    full = render(np.eye(3), SIZE, SIZE)
    levels = tuple(full.reshape(3, SIZE // f, f, SIZE // f, f).mean(axis=(2, 4)).astype(np.uint8) for f in (1, 2, 4))
    pyramid = Pyramid(levels, np.eye(3))
    assert [pyramid.best_level(80, size) for size in (100, 80, 40, 20, 10)] == [0, 0, 1, 2, 2]
    assert np.abs(cut(pyramid).astype(float) - expected()).mean() < 1.2
    marked = Pyramid((levels[0], np.zeros_like(levels[1]), levels[2]), np.eye(3))
    assert cut(marked, size=40).max() == 0


@pytest.mark.parametrize("kind", ["dask", "zarr", "odd", "one chunk"])
def test_lazy_arrays_of_any_chunks_give_the_same_patches(kind, tmp_path):
    full = render(np.eye(3), SIZE, SIZE)
    if kind == "zarr":
        lazy = zarr.create_array(str(tmp_path / "z"), shape=full.shape, chunks=(1, 100, 130), dtype="uint8")
        lazy[:] = full
    else:
        lazy = da.from_array(full, chunks={"dask": 128, "odd": (2, (1, 299, 300), (37, 563)), "one chunk": -1}[kind])
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, SIZE, (60, 2))
    assert np.array_equal(cut(Pyramid((lazy,), np.eye(3)), xy, tile=64), cut(Pyramid((full,), np.eye(3)), xy, tile=64))


def test_batches_and_workers_do_not_change_patches():
    xy = np.random.default_rng(0).uniform(0, SIZE, (50, 2))
    lazy = da.from_array(render(np.eye(3), SIZE, SIZE), chunks=(3, 200, 200))
    pyramid = Pyramid((lazy,), np.eye(3))
    first = cut(pyramid, xy)
    for arguments in ({"batch_size": 7}, {"batch_size": 1}, {"n_workers": 3, "batch_size": 4}):
        assert np.array_equal(cut(pyramid, xy, **arguments), first)


class Counting:
    """An array that counts how often each of its tiles is read, and how much at once."""

    def __init__(self, array, chunk):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.chunks = (array.shape[0], chunk, chunk)
        self.reads: list[tuple[int, int]] = []
        self.largest = 0

    def __getitem__(self, key):
        self.reads.append((key[1].start, key[2].start))
        block = self.array[key]
        self.largest = max(self.largest, block.nbytes)
        return block


def test_each_tile_is_read_once_and_never_the_whole():
    counting = Counting(render(np.eye(3), SIZE, SIZE), 50)
    xy = np.random.default_rng(0).uniform(0, SIZE, (500, 2))
    cut(Pyramid((counting,), np.eye(3)), xy, side=30.0, size=16, tile=50)
    assert len(counting.reads) == len(set(counting.reads))
    assert counting.largest == 3 * 50 * 50
    counting.reads.clear()
    cut(Pyramid((counting,), np.eye(3)), xy, side=30.0, size=16, tile=50, held_bytes=3 * 50 * 50 * 8)
    # With room for 8 of 144 tiles, only the borders of bands are read twice.
    assert len(counting.reads) <= 1.5 * len(set(counting.reads))


def test_borders_are_reflected_and_flagged():
    image = np.tile(np.arange(100, dtype=np.uint8), (3, 100, 1))
    pyramid = Pyramid((image,), np.eye(3))
    xy = np.array([[0.0, 50.0], [20.0, 50.0], [50.0, 99.0], [50.0, 50.0]])
    pixels, over = patch_positions(pyramid, xy, 20.0)
    assert over.tolist() == [True, False, True, False]
    assert np.array_equal(pixels, xy)
    patch = cut(pyramid, xy, side=20.0, size=20)[0, 10, :, 0]
    assert patch.tolist() == [*range(9, -1, -1), *range(10)]


def test_an_image_smaller_than_the_patch_is_reflected():
    image = np.full((3, 5, 7), 90, np.uint8)
    assert (cut(Pyramid((image,), np.eye(3)), np.array([[3.0, 2.0]]), side=40.0, size=16) == 90).all()


@pytest.mark.parametrize(
    ("values", "result"),
    [
        (np.full((3, 50, 50), 120, np.uint8), 120),
        (np.full((3, 50, 50), 120 * 257, np.uint16), 120),
        (np.full((3, 50, 50), 120 / 255, np.float32), 120),
        (np.full((1, 50, 50), 120, np.uint8), 120),
        (np.concatenate([np.full((3, 50, 50), 120, np.uint8), np.full((1, 50, 50), 255, np.uint8)]), 120),
        (np.concatenate([np.full((3, 50, 50), 120, np.uint8), np.zeros((1, 50, 50), np.uint8)]), 255),
    ],
)
def test_types_and_channels_become_rgb_bytes(values, result):
    check_image(values, "image")
    assert (cut(Pyramid((values,), np.eye(3)), np.array([[25.0, 25.0]]), side=10.0, size=8) == result).all()


def test_what_is_no_image_is_refused():
    for shape, dtype, message in (
        ((5, 9, 9), np.uint8, "5 channels"),
        ((2, 9, 9), np.uint8, "2 channels"),
        ((3, 9, 9), np.int64, "int64"),
        ((9, 9), np.uint8, "three axes"),
        ((3, 0, 9), np.uint8, "empty"),
    ):
        with pytest.raises(ValueError, match=message):
            check_image(np.zeros(shape, dtype), "It")
    with pytest.raises(ValueError, match="0 to 1"):
        cut(Pyramid((np.full((3, 50, 50), 200.0),), np.eye(3)), np.array([[25.0, 25.0]]), side=10.0, size=8)


def test_errors_in_worker_threads_reach_the_caller():
    class Broken:
        shape, dtype = (3, 50, 50), np.dtype(np.uint8)

        def __getitem__(self, key):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="cannot be read at .*the disk is gone"):
        cut(Pyramid((Broken(),), np.eye(3)), CENTRES[:1] / 10, n_workers=2)
