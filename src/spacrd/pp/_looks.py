"""What an image looks like where the spots lie, before an encoder of H&E sees it."""

from __future__ import annotations

import numpy as np

from .._checks import warn
from .._sections import Placement
from ..image import as_rgb, held_on_cluster, is_cheap, read_window, window_reader

SPOTS = 16
"""Spots that are looked at."""
SIDE = 16
"""Side of what is looked at, in pixels of the coarsest level."""
MAX_STEP = 16
"""Steps in a finer level, in pixels, are at most so large: windows stay within a few chunks."""
WHOLE = 2**24
"""Values of a level that is read whole."""
GREY = 8
"""Difference of red, green and blue up to which a pixel is grey, as compression leaves it."""
WHITE = 250
"""Brightness from which nothing but white is seen."""


def check_looks(placement: Placement, inside: np.ndarray) -> None:
    """Warn of an image that is no stained tissue where the spots lie: of one channel, one colour, grey or white.

    Parameters
    ----------
    placement
        The spots on their image.
    inside
        Which of them lie on it, (n,).

    Raises
    ------
    ValueError
        If it holds nothing but NaN there.
    """
    name, pyramid = placement.image_name, placement.pyramid
    other = "Name the H&E image with `image_key`."
    if pyramid.levels[0].shape[0] == 1:
        warn(
            f"Image {name!r} has one channel, as fluorescence and grey scans have. Encoders read it as grey H&E, which "
            f"they have not seen. {other}"
        )
    windows = _windows(placement, inside)
    if not windows:
        return
    if all(window.dtype.kind == "f" and np.isnan(window).all() for window in windows):
        raise ValueError(f"Image {name!r} holds nothing but NaN at {len(windows)} spots that were looked at. {other}")
    colours = [as_rgb(window).astype(np.int16) for window in windows]
    if min(int(window.min()) for window in colours) >= WHITE:
        warn(f"Image {name!r} is white or transparent at all of {len(windows)} spots that were looked at. {other}")
    elif len(shades := np.unique(np.concatenate([window.reshape(-1, 3) for window in colours]), axis=0)) == 1:
        if not shades.any():
            return  # black patches are counted when they are cut
        warn(f"Image {name!r} is of one colour at all of {len(windows)} spots that were looked at. {other}")
    elif pyramid.levels[0].shape[0] > 1 and max(int(np.ptp(window, axis=2).max()) for window in colours) <= GREY:
        warn(f"Image {name!r} is grey at all of {len(windows)} spots that were looked at, and no H&E. {other}")


def _windows(placement: Placement, inside: np.ndarray) -> list[np.ndarray]:
    """Read a few pixels at some spots, (channels, h, w) each, of the coarsest level that is cheap to read."""
    pyramid, rows = placement.pyramid, np.flatnonzero(inside)
    if not len(rows) or any(map(held_on_cluster, pyramid.levels)):
        return []
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, SPOTS).astype(int))]
    level = max(i for i, array in enumerate(pyramid.levels) if i == 0 or is_cheap(array))
    array, matrix = pyramid.levels[level], pyramid.to_level(level)
    size = np.array([array.shape[2], array.shape[1]])
    step = min(max(1, round(array.shape[1] / pyramid.levels[-1].shape[1])), MAX_STEP)
    centres = placement.xy[rows] @ matrix[:2, :2].T + matrix[:2, 2]
    lows = np.clip(np.floor(centres).astype(int) - SIDE * step // 2, 0, size - 1)
    highs = np.minimum(lows + SIDE * step, size)
    read = window_reader(array)
    if array.size <= WHOLE:
        # Its few chunks would be read again for every spot.
        whole = read_window(read, 0, int(size[1]), 0, int(size[0]))
        return [whole[:, y0:y1:step, x0:x1:step] for (x0, y0), (x1, y1) in zip(lows, highs, strict=True)]
    corners = [(int(y0), int(y1), int(x0), int(x1)) for (x0, y0), (x1, y1) in zip(lows, highs, strict=True)]
    return [read_window(read, *corner)[:, ::step, ::step] for corner in corners]
