"""Resolutions of the images of a SpatialData."""

from __future__ import annotations

from typing import Any

from .._checks import quote_names
from ..image import check_image

_COLOURS = {name: name[0] for name in ("r", "g", "b", "a", "red", "green", "blue", "alpha")}


def levels_of(image: Any, image_key: str) -> tuple[Any, ...]:
    """Open lazy arrays (c, y, x) of a single- or multi-scale image, finest first."""
    from xarray import DataArray

    scales = [image] if isinstance(image, DataArray) else [next(iter(node.values())) for node in image.values()]
    for scale in scales:
        if set(scale.dims) != {"c", "y", "x"}:
            raise ValueError(f"Image {image_key!r} has axes {quote_names(scale.dims)}; expected c, y and x.")
    levels = [_in_order(scale.transpose("c", "y", "x")) for scale in scales]
    for level in levels:
        check_image(level, f"Image {image_key!r}")
    height, width = levels[0].shape[1:]
    for level in levels[1:]:
        # Each halving may cut off a pixel.
        down, right = height / level.shape[1], width / level.shape[2]
        other = abs(width / down - level.shape[2]) > 2 and abs(height / right - level.shape[1]) > 2
        if min(down, right) < 1 or other:
            shapes = " and ".join(f"{each.shape[2]} x {each.shape[1]}" for each in (levels[0], level))
            raise ValueError(
                f"Image {image_key!r} is no pyramid: {shapes} px. Its first scale must be the finest, and the others "
                "the same image made smaller. Make it with `spatialdata.models.Image2DModel.parse`."
            )
    return tuple(sorted(levels, key=lambda level: -level.shape[1]))


def _in_order(scale: Any) -> Any:
    """Order the channels of a scale as red, green, blue and alpha where the element names them so; else leave them."""
    named = [_COLOURS.get(str(name).lower(), "") for name in scale.coords["c"].values] if "c" in scale.coords else []
    if any(named.count(colour) != 1 for colour in "rgb"):
        return scale.data
    order = [named.index(colour) for colour in ("rgba" if named.count("a") == 1 else "rgb")]
    return scale.data if order == list(range(len(named))) else scale.data[order]
