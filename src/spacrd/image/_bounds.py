"""Spots on an image, and those that cannot lie where they are said to lie."""

from __future__ import annotations

import numpy as np


def check_placement(pixels: np.ndarray, height: int, width: int, what: str = "the image") -> np.ndarray:
    """Find the spots that lie on an image, and name the mistake if most of them do not.

    Parameters
    ----------
    pixels
        Spot centres in pixels of the image, (n, 2) as x, y; NaN rows count as off the image.
    height
        Height of the image in pixels.
    width
        Width of the image in pixels.
    what
        Name of the image for messages.

    Returns
    -------
    Booleans, (n,): whether the centre lies on the image.

    Raises
    ------
    ValueError
        If x and y are swapped, if the coordinates belong to a larger image, or if no spot lies on it.
    """
    finite = np.isfinite(pixels).all(axis=1)
    if not finite.any():
        raise ValueError(f"No spot has finite coordinates, so none can be placed on {what}.")
    size = np.array([width, height], float)
    inside = finite & (pixels >= 0).all(axis=1) & (pixels <= size).all(axis=1)
    share = inside.sum() / finite.sum()
    if share > 0.5:
        return inside
    points = pixels[finite]
    extent = (
        f"spots span x {points[:, 0].min():.6g} to {points[:, 0].max():.6g} and y {points[:, 1].min():.6g} to "
        f"{points[:, 1].max():.6g} px, while {what} is {width} px wide and {height} px high"
    )
    swapped = ((points >= 0) & (points[:, ::-1] <= size)).all(axis=1).mean()
    if swapped >= 0.9 and swapped > share:
        raise ValueError(
            f"x and y of the spots look swapped: {extent}; swapped, {swapped:.0%} of them lie on it. "
            "Store x (column) first and y (row) second."
        )
    top = np.quantile(points, 0.99, axis=0) / size
    if (points >= 0).mean() > 0.99 and top.max() > 1.5 and top.max() / max(top.min(), 1e-9) < 2:
        raise ValueError(
            f"The spots have the coordinates of an image about {top.max():.2g} times as large: {extent}. "
            "A downscaled image (hires or lowres) with full-resolution coordinates needs its scale factor: "
            "'tissue_<key>_scalef' for AnnData, a Scale transformation for SpatialData."
        )
    if not inside.any():
        raise ValueError(f"All {len(points)} spots lie off the image: {extent}. Check the image and its alignment.")
    return inside
