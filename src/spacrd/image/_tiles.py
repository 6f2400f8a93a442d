"""Tiles of one pyramid level: aligned with its chunks, read once, held within a bound."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import Any

import numpy as np

TILE = 1024
"""Chunks smaller than this are read together, to spare calls; larger ones as they are."""
HELD_BYTES = 192 * 2**20
"""Decoded RGB tiles kept in memory."""


def tile_edges(array: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tile borders along y and x, aligned with the chunks of ``array`` (channels, height, width)."""
    chunks = getattr(array, "chunks", None)
    edges = []
    for axis in (1, 2):
        length = int(array.shape[axis])
        sizes = chunks[axis] if chunks is not None else TILE
        ends = np.cumsum(sizes) if isinstance(sizes, tuple) else np.arange(int(sizes), length + int(sizes), int(sizes))
        ends = np.minimum(ends, length)
        borders = [0]
        for i, end in enumerate(ends):
            if i == len(ends) - 1 or end - borders[-1] >= TILE:
                borders.append(int(end))
        edges.append(np.array(borders))
    return edges[0], edges[1]


def as_rgb(block: np.ndarray) -> np.ndarray:
    """(channels, h, w) of any supported type to (h, w, 3) uint8, contiguous."""
    if block.dtype.kind == "f":
        top, low = (float(np.nanmax(block)), float(np.nanmin(block))) if block.size else (0.0, 0.0)
        if top > 1.001 or low < -0.001:
            raise ValueError(
                f"A picture of {block.dtype} must hold values from 0 to 1, found {low:.4g} to {top:.4g}. "
                "Convert it to uint8, or divide it by its range."
            )
        block = (np.clip(np.nan_to_num(block), 0, 1) * 255 + 0.5).astype(np.uint8)
    elif block.dtype == np.uint16:
        block = (block >> 8).astype(np.uint8)
    elif block.dtype == bool:
        block = block.astype(np.uint8) * 255
    channels = block[[0, 0, 0]] if len(block) == 1 else block[:3]
    return np.ascontiguousarray(channels.transpose(1, 2, 0))


def check_picture(array: Any, what: str) -> None:
    """Refuse arrays that are not a brightfield picture: shape (channels, height, width), 1, 3 or 4 channels."""
    if len(array.shape) != 3:
        raise ValueError(f"{what} must have three axes (channels, height, width), got shape {tuple(array.shape)}.")
    if array.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"{what} has {array.shape[0]} channels; expected 3 (RGB), 4 (RGBA) or 1 (grey). "
            "Choose a brightfield H&E picture with `image_key`."
        )
    if 0 in array.shape:
        raise ValueError(f"{what} is empty: shape {tuple(array.shape)}.")
    dtype = np.dtype(array.dtype)
    if dtype.kind != "f" and dtype not in (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(bool)):
        raise ValueError(f"{what} is of type {dtype}; expected uint8, uint16 or floats from 0 to 1.")


class TileReader:
    """Windows of one array, assembled from tiles that are decoded once."""

    def __init__(self, array: Any, edges_y: np.ndarray, edges_x: np.ndarray) -> None:
        self.array = array
        self.edges = edges_y, edges_x
        self.shape = int(array.shape[1]), int(array.shape[2])
        self._held: OrderedDict[tuple[int, int], Future[np.ndarray]] = OrderedDict()
        self._lock = Lock()
        largest = 3 * int(np.diff(edges_y).max()) * int(np.diff(edges_x).max())
        # However large the tiles are, a band two tiles wide must fit.
        self.capacity = max(6, HELD_BYTES // largest)

    def reading_order(self, corners: np.ndarray) -> np.ndarray:
        """Order of windows, by their upper left corners (x, y), that decodes each tile once.

        Tiles are visited row by row. A window reaches into the row below, so that two rows are held; bands keep them
        narrow enough.
        """
        iy, ix = (self._tile_of(corners[:, 1 - axis], axis) for axis in (0, 1))
        band = ix // (self.capacity // 2 - 1)
        return np.lexsort((corners[:, 0], corners[:, 1], ix, iy, band))

    def _tile_of(self, values: np.ndarray, axis: int) -> np.ndarray:
        edges = self.edges[axis]
        return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)

    def _tile(self, iy: int, ix: int) -> np.ndarray:
        key = iy, ix
        with self._lock:
            future = self._held.get(key)
            mine = future is None
            if future is None:
                future = self._held[key] = Future()
                while len(self._held) > self.capacity:
                    self._held.popitem(last=False)
            else:
                self._held.move_to_end(key)
        if mine:
            try:
                (y0, y1), (x0, x1) = (self.edges[axis][i : i + 2] for axis, i in enumerate(key))
                future.set_result(as_rgb(np.asarray(self.array[:, y0:y1, x0:x1])))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def window(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Pixels from ``low`` to ``high`` (x, y), (h, w, 3) uint8; reflected beyond the border."""
        height, width = self.shape
        x0, y0 = np.clip(low, 0, [width - 1, height - 1])
        x1, y1 = np.clip(high, 1, [width, height])
        out = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
        spans = [self._tile_of(np.array([first, last - 1]), axis) for axis, first, last in ((0, y0, y1), (1, x0, x1))]
        for iy in range(spans[0][0], spans[0][1] + 1):
            for ix in range(spans[1][0], spans[1][1] + 1):
                ty, tx = self.edges[0][iy], self.edges[1][ix]
                ya, yb = max(y0, ty), min(y1, self.edges[0][iy + 1])
                xa, xb = max(x0, tx), min(x1, self.edges[1][ix + 1])
                tile = self._tile(iy, ix)
                out[ya - y0 : yb - y0, xa - x0 : xb - x0] = tile[ya - ty : yb - ty, xa - tx : xb - tx]
        before, after = (y0 - low[1], x0 - low[0]), (high[1] - y1, high[0] - x1)
        if max(*before, *after) > 0:
            pad = [(before[0], after[0]), (before[1], after[1]), (0, 0)]
            out = np.pad(out, pad, mode="symmetric")
        return out
