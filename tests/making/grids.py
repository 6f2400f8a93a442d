"""Grids of spots, and the scale that is found in them."""

from __future__ import annotations

import numpy as np

from spacrd.image import find_scale

from .image_sections import hexagons


def scale_of(spots, **arguments):
    return find_scale(
        spots[["x", "y"]].to_numpy(float),
        array_row=spots["array_row"].to_numpy(),
        array_col=spots["array_col"].to_numpy(),
        **arguments,
    )


def squares(n=8, pitch=40.0):
    spots = hexagons().iloc[: n * n].copy()
    spots["array_row"], spots["array_col"] = np.divmod(np.arange(len(spots)), n)
    spots["x"], spots["y"] = 30 + spots["array_col"] * pitch, 30 + spots["array_row"] * pitch
    return spots
