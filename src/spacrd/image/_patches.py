"""Squares around points, cut from an image pyramid: one tile-wise pass, one resampling, RGB uint8."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._tiles import HELD_BYTES, TILE, TileReader, Windows

MAX_SUPERSAMPLING = 8


@dataclass(frozen=True)
class Pyramid:
    """An image at one or more resolutions.

    Attributes
    ----------
    levels
        Arrays of shape (channels, height, width), finest first: numpy, zarr, dask or anything else that is sliced
        the same way. They are read tile by tile and never as a whole.
    to_pixels
        3 x 3 affine matrix from coordinate units (x, y, 1) to pixels of the finest level; pixel i covers [i, i + 1).
    """

    levels: tuple[Any, ...]
    to_pixels: np.ndarray

    @property
    def height(self) -> int:
        """Height of the finest level in pixels."""
        return int(self.levels[0].shape[1])

    @property
    def width(self) -> int:
        """Width of the finest level in pixels."""
        return int(self.levels[0].shape[2])

    @property
    def pixels_per_unit(self) -> float:
        """Pixels of the finest level per coordinate unit."""
        return float(np.sqrt(abs(np.linalg.det(self.to_pixels[:2, :2]))))

    def to_level(self, level: int) -> np.ndarray:
        """Return the 3 x 3 matrix from coordinate units to pixels of ``level``."""
        shape = self.levels[level].shape
        return np.diag([shape[2] / self.width, shape[1] / self.height, 1.0]) @ self.to_pixels

    def best_level(self, side: float, size: int) -> int:
        """Find the coarsest level that still holds ``size`` pixels along ``side`` units; the finest if none does."""
        enough = 0
        for level in range(len(self.levels)):
            steps = np.linalg.norm(self.to_level(level)[:2, :2], axis=0)
            if side * steps.min() >= size - 0.5:
                enough = level
        return enough


def patch_positions(pyramid: Pyramid, xy: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Locate patches on an image.

    Parameters
    ----------
    pyramid
        The image.
    xy
        Patch centres in coordinate units, (n, 2).
    side
        Side of a patch in coordinate units.

    Returns
    -------
    Centres in pixels of the finest level, (n, 2), and whether any corner lies beyond the image, (n,).
    """
    matrix = pyramid.to_pixels
    pixels = xy @ matrix[:2, :2].T + matrix[:2, 2]
    reach = np.abs(matrix[:2, :2]).sum(axis=1) * side / 2
    # Half a pixel of overhang is rounding, not a border.
    over = (pixels - reach < -0.5) | (pixels + reach > np.array([pyramid.width, pyramid.height]) + 0.5)
    return pixels, over.any(axis=1)


class Cutter:
    """Squares around points of one image.

    They are aligned with the axes of the coordinate system, not of the image. Each is resampled once, with
    antialiasing when it shrinks; squares that are whole pixels of the level are copied. What lies beyond the border is
    filled by reflection: it keeps the colours of the tissue or background at hand, whatever they are.

    Parameters
    ----------
    pyramid
        The image. 16-bit values are scaled by their range to 8 bits, floats must lie in 0 to 1; one channel is
        repeated, and a fourth is alpha over white.
    xy
        Centres in coordinate units, (n, 2), all on the image.
    side
        Side of the squares in coordinate units.
    size
        Side of the patches in pixels.
    level
        Pyramid level; by default the coarsest that is not coarser than the patches.
    tile
        Least side in pixels of what is decoded at once.
    held_bytes
        Decoded pixels kept in memory, in bytes.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        xy: np.ndarray,
        *,
        side: float,
        size: int,
        level: int | None = None,
        tile: int = TILE,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        level = pyramid.best_level(side, size) if level is None else level
        matrix = pyramid.to_level(level)
        self._size = size
        self._linear = matrix[:2, :2] * side
        self._centres = np.asarray(xy, float) @ matrix[:2, :2].T + matrix[:2, 2]
        reach = np.abs(self._linear).sum(axis=1) / 2
        corners, ends = self._centres - reach, self._centres + reach
        self._turns = _quarter_turns(self._linear)
        self._exact = (_on_pixels(corners, reach, size) & (self._turns is not None))[:, None]
        # The resampling filter looks this far beyond the square.
        margin = np.where(self._exact, 0, np.ceil(2 * reach / size) + 2)
        lows = (np.where(self._exact, np.rint(corners), np.floor(corners)) - margin).astype(np.int64)
        highs = (np.where(self._exact, np.rint(ends), np.ceil(ends)) + margin).astype(np.int64)
        self._windows = Windows(lows, highs, pyramid.levels[level], tile=tile, held_bytes=held_bytes)
        self.order = self._windows.reading_order()
        """Order of the patches, (n,), that decodes each tile of the image once."""

    def batches(self, batches: Sequence[np.ndarray], n_workers: int = 0) -> Generator[tuple[np.ndarray, np.ndarray]]:
        """Cut patches, reading ahead of the caller in ``n_workers`` threads; the result does not depend on it.

        Parameters
        ----------
        batches
            Positions in ``xy`` of the patches of each batch, :attr:`order` split in pieces.
        n_workers
            Threads that read and cut, at most ``n_workers + 1`` batches ahead. 0 cuts when asked.

        Yields
        ------
        Positions in ``xy``, (b,) int64, and patches, (b, size, size, 3) uint8.
        """
        chosen = np.concatenate(batches) if len(batches) else np.empty(0, np.int64)
        cut = functools.partial(self._cut, TileReader(self._windows, chosen))
        if n_workers == 0:
            yield from map(cut, batches)
            return
        with ThreadPoolExecutor(n_workers, thread_name_prefix="spacrd-patches") as pool:
            ahead: deque[Any] = deque()
            try:
                for rows in batches:
                    ahead.append(pool.submit(cut, rows))
                    if len(ahead) > n_workers + 1:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _cut(self, reader: TileReader, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        patches = np.empty((len(rows), self._size, self._size, 3), np.uint8)
        for patch, row in zip(patches, rows, strict=True):
            if self._exact[row, 0] and self._turns is not None:
                reader.fill(row, _turned(patch, self._turns))
                continue
            low = self._windows.lows[row]
            width, height = self._windows.highs[row] - low
            window = np.empty((height, width, 3), np.uint8)
            reader.fill(row, window)
            patch[...] = _resample(window, self._centres[row] - low, self._linear, self._size)
        reader.check_brightness()
        return rows, patches


def _on_pixels(corners: np.ndarray, reach: np.ndarray, size: int) -> np.ndarray:
    """Which squares are whole pixels of the level, (n,)."""
    whole = np.abs(corners - np.rint(corners)).max(axis=1) < 1e-6
    return whole & (np.abs(2 * reach - size).max() < 1e-6)


def _turned(patch: np.ndarray, turns: tuple[bool, bool, bool]) -> np.ndarray:
    """View a patch in the orientation of the image."""
    swap, flip_x, flip_y = turns
    view = patch.transpose(1, 0, 2) if swap else patch
    return view[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def _resample(pixels: np.ndarray, middle: np.ndarray, linear: np.ndarray, size: int) -> np.ndarray:
    """Resample one patch around ``middle``; ``linear`` maps the unit square of the patch to pixels."""
    from PIL import Image

    window = Image.fromarray(pixels)
    straight = _quarter_turns(linear)
    if straight is not None:
        reach = np.abs(linear).sum(axis=1) / 2
        box = (*(middle - reach), *(middle + reach))
        patch = np.empty((size, size, 3), np.uint8)
        _turned(patch, straight)[...] = np.asarray(window.resize((size, size), Image.Resampling.BILINEAR, box=box))
        return patch
    steps = int(np.clip(np.ceil(np.linalg.norm(linear, axis=0).max() / size), 1, MAX_SUPERSAMPLING))
    fine = size * steps
    a = linear / fine
    start = middle - linear @ [0.5, 0.5]
    warp = (a[0, 0], a[0, 1], start[0], a[1, 0], a[1, 1], start[1])
    warped = window.transform((fine, fine), Image.Transform.AFFINE, warp, Image.Resampling.BILINEAR)
    return np.asarray(warped.reduce(steps) if steps > 1 else warped)


def _quarter_turns(linear: np.ndarray) -> tuple[bool, bool, bool] | None:
    """Whether axes are swapped and which image axes are flipped; None for any other rotation or shear."""
    small = 1e-6 * np.abs(linear).max()
    if abs(linear[0, 1]) < small and abs(linear[1, 0]) < small:
        return False, bool(linear[0, 0] < 0), bool(linear[1, 1] < 0)
    if abs(linear[0, 0]) < small and abs(linear[1, 1]) < small:
        return True, bool(linear[0, 1] < 0), bool(linear[1, 0] < 0)
    return None
