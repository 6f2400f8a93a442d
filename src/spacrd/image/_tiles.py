"""Tiles of one pyramid level: aligned with its chunks, read once, held while a patch needs them."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import Any

import numpy as np

from ._windows import read_window, window_reader

TILE = 512
"""Chunks smaller than this are read together, to spare calls; larger ones as they are."""
HELD_BYTES = 72 * 2**20
"""Decoded tiles kept in memory."""
DARK = 2**12
"""No tissue on a slide is as dark as this in 16 bits; images of 8 or 12 bits that are stored in 16 are."""


def tile_edges(array: Any, tile: int = TILE) -> tuple[np.ndarray, np.ndarray]:
    """Find the tile borders along y and x, aligned with the chunks of ``array`` (channels, height, width).

    Chunks smaller than ``tile`` pixels are joined.
    """
    chunks = getattr(array, "chunks", None)
    edges = []
    for axis in (1, 2):
        length = int(array.shape[axis])
        sizes = chunks[axis] if chunks is not None else tile
        ends = np.cumsum(sizes) if isinstance(sizes, tuple) else np.arange(int(sizes), length + int(sizes), int(sizes))
        ends = np.minimum(ends, length)
        borders = [0]
        for i, end in enumerate(ends):
            if i == len(ends) - 1 or end - borders[-1] >= tile:
                borders.append(int(end))
        edges.append(np.array(borders))
    return edges[0], edges[1]


def as_rgb(block: np.ndarray) -> np.ndarray:
    """Convert (channels, h, w) of any supported type to (h, w, 3) uint8, in whatever order it lies in memory.

    A fourth channel is alpha: what is transparent, or NaN, becomes white as the glass of a slide.
    """
    if block.dtype.kind == "f":
        # NaN is ignored here, even if there is nothing else.
        top, low = (float(find.reduce(block, axis=None, initial=0.0)) for find in (np.fmax, np.fmin))
        if top > 1.001 or low < -0.001:
            raise ValueError(
                f"An image of {block.dtype} must hold values from 0 to 1, found {low:.4g} to {top:.4g}. "
                "Convert it to uint8, or divide it by its range."
            )
        block = (np.clip(np.nan_to_num(block, nan=1.0), 0, 1) * 255 + 0.5).astype(np.uint8)
    elif block.dtype.newbyteorder("=") == np.uint16:
        block = (block >> 8).astype(np.uint8)
    elif block.dtype == bool:
        block = block.astype(np.uint8) * 255
    channels = block[[0, 0, 0]] if len(block) == 1 else block[:3]
    if len(block) == 4 and block[3].min(initial=255) < 255:
        alpha = block[3].astype(np.uint16)
        channels = ((channels * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return channels.transpose(1, 2, 0)


def copy_pixels(source: np.ndarray, target: np.ndarray) -> None:
    """Copy (h, w, 3) pixels; planes one by one where they lie apart, which numpy would not do."""
    if source.strides[2] == source.itemsize:
        target[...] = source
        return
    for channel in range(3):
        target[..., channel] = source[..., channel]


def check_image(array: Any, what: str) -> None:
    """Raise ValueError for what is no brightfield image: shape (channels, height, width), 1, 3 or 4 channels."""
    if len(array.shape) != 3:
        raise ValueError(f"{what} must have three axes (channels, height, width), got shape {tuple(array.shape)}.")
    if array.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"{what} has {array.shape[0]} channels; expected 3 (RGB), 4 (RGBA) or 1 (grey). "
            "Choose a brightfield H&E image with `image_key`."
        )
    if 0 in array.shape:
        raise ValueError(f"{what} is empty: shape {tuple(array.shape)}.")
    dtype = np.dtype(array.dtype).newbyteorder("=")  # TIFFs may be big-endian
    if dtype.kind != "f" and dtype not in (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(bool)):
        raise ValueError(f"{what} is of type {dtype}; expected uint8, uint16 or floats from 0 to 1.")


class Windows:
    """Where windows lie on the tiles of an array.

    Parameters
    ----------
    lows
        Upper left corners (x, y), (n, 2).
    highs
        Lower right corners, exclusive, (n, 2).
    array
        Image, (channels, height, width).
    tile
        Least side of a tile in pixels.
    held_bytes
        Decoded tiles kept in memory, in bytes.
    """

    def __init__(
        self, lows: np.ndarray, highs: np.ndarray, array: Any, *, tile: int = TILE, held_bytes: int = HELD_BYTES
    ) -> None:
        self.lows, self.highs, self.array = lows, highs, array
        self.shape = int(array.shape[1]), int(array.shape[2])
        self.edges = tile_edges(array, tile)
        largest = 3 * int(np.diff(self.edges[0]).max()) * int(np.diff(self.edges[1]).max())
        # However large the tiles are, the four that meet in a corner must fit.
        self.capacity = max(5, held_bytes // largest)
        self.spans = [
            np.stack([self._tile_of(lows[:, 1 - axis], axis), self._tile_of(highs[:, 1 - axis] - 1, axis)])
            for axis in (0, 1)
        ]
        """First and last tile of each window along y and x, (2, n) each."""

    def reading_order(self) -> np.ndarray:
        """Return the order of the windows that decodes each tile once.

        Tiles are visited row by row. A window reaches into the row below, so that one row is held; bands keep it
        narrow enough.
        """
        (iy, last_y), (ix, last_x) = self.spans
        deep, wide = (int((last - first).max(initial=0)) for first, last in ((iy, last_y), (ix, last_x)))
        band = ix // max(1, (self.capacity - wide - 2) // max(1, deep) - wide + 1)
        return np.lexsort((self.lows[:, 0], self.lows[:, 1], ix, iy, band))

    def needs(self, chosen: np.ndarray) -> np.ndarray:
        """Count the chosen windows that need each tile, (rows, columns)."""
        needed = np.zeros([len(edges) - 1 for edges in self.edges], np.int64)
        (iy, last_y), (ix, last_x) = (span[:, chosen] for span in self.spans)
        for down in range(int((last_y - iy).max(initial=-1)) + 1):
            for right in range(int((last_x - ix).max(initial=-1)) + 1):
                there = (iy + down <= last_y) & (ix + right <= last_x)
                np.add.at(needed, (iy[there] + down, ix[there] + right), 1)
        return needed

    def _tile_of(self, values: np.ndarray, axis: int) -> np.ndarray:
        edges = self.edges[axis]
        return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


class TileReader:
    """Pixels of the chosen windows, each of which is asked for once, from tiles that are decoded once."""

    def __init__(self, windows: Windows, chosen: np.ndarray) -> None:
        self._read = window_reader(windows.array)
        self._windows = windows
        self._needed = windows.needs(chosen)
        self._brightest = 0
        self._held: OrderedDict[tuple[int, int], Future[np.ndarray]] = OrderedDict()
        self._lock = Lock()

    def fill(self, window: int, out: np.ndarray) -> None:
        """Write the pixels of a window into ``out``, (h, w, 3) uint8; reflected beyond the border."""
        low, high = self._windows.lows[window], self._windows.highs[window]
        edges = self._windows.edges
        height, width = self._windows.shape
        x0, y0 = np.clip(low, 0, [width - 1, height - 1])
        x1, y1 = np.clip(high, 1, [width, height])
        before, after = (y0 - low[1], x0 - low[0]), (high[1] - y1, high[0] - x1)
        beyond = max(*before, *after) > 0
        inner = np.empty((y1 - y0, x1 - x0, 3), np.uint8) if beyond else out
        (ya, yb), (xa, xb) = (span[:, window] for span in self._windows.spans)
        for iy in range(ya, yb + 1):
            for ix in range(xa, xb + 1):
                top, left = edges[0][iy], edges[1][ix]
                t, b = max(y0, top), min(y1, edges[0][iy + 1])
                s, e = max(x0, left), min(x1, edges[1][ix + 1])
                tile = self._tile(iy, ix)
                copy_pixels(tile[t - top : b - top, s - left : e - left], inner[t - y0 : b - y0, s - x0 : e - x0])
        if beyond:
            pad = [(before[0], after[0]), (before[1], after[1]), (0, 0)]
            out[...] = np.pad(inner, pad, mode="symmetric")

    def check_brightness(self) -> None:
        """Raise ValueError for colour images of 8 or 12 bits in uint16, whose patches would be black."""
        if 0 < self._brightest < DARK:
            raise ValueError(
                f"The image is of type uint16, but it holds at most {self._brightest} of 65535, which is almost "
                "black. Does it hold 8 or 12 bits? Convert it to uint8."
            )

    def _tile(self, iy: int, ix: int) -> np.ndarray:
        """Return a tile to one of the windows that need it, decoding it for the first."""
        key = iy, ix
        with self._lock:
            self._needed[key] -= 1
            future = self._held.get(key)
            mine = future is None
            if future is None:
                future = self._held[key] = Future()
            else:
                self._held.move_to_end(key)
            if self._needed[key] <= 0:  # nobody else will ask for it
                del self._held[key]
            while len(self._held) > self._windows.capacity:
                self._held.popitem(last=False)
        if mine:
            try:
                (y0, y1), (x0, x1) = (self._windows.edges[axis][i : i + 2] for axis, i in enumerate(key))
                block = read_window(self._read, int(y0), int(y1), int(x0), int(x1))
                if block.dtype.newbyteorder("=") == np.uint16 and len(block) >= 3:
                    self._brightest = max(self._brightest, int(block[:3].max()))
                future.set_result(as_rgb(block))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()
