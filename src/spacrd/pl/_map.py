"""One section on its tissue: spots or a raster of them, outline of the cancer, scale bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import CANCER
from .._sections import ScoredSection
from ._figure import MISSING_COLOR, ink, light_table
from ._raster import cell_size, mean_raster, outline_field, outline_of_shares
from ._view import SectionView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIM = "white"
MANY = 50_000
"""Spots above which circles are smaller than pixels and a raster is drawn."""


@dataclass(frozen=True)
class Style:
    """How a section is drawn."""

    colors: Mapping[str, Any] | None = None
    """Colour of every class; None for numbers."""
    limits: tuple[float, float] = (0.0, 1.0)
    """Numbers at the ends of the colour map."""
    cmap: Any = "viridis"
    size: float = 1.0
    alpha: float | None = None
    scale_bar: bool = True


def _spots(ax: Axes, xy: np.ndarray, diameter: float, **style: Any) -> Any:
    """Draw circles of one diameter in data units, so that they are right at any zoom and figure size."""
    from matplotlib.collections import EllipseCollection

    sizes = np.full(len(xy), diameter)
    circles = EllipseCollection(
        sizes, sizes, np.zeros(len(xy)), units="xy", offsets=xy, offset_transform=ax.transData, rasterized=True, **style
    )
    ax.add_collection(circles)
    return circles


def _scale_bar(ax: Axes, um_per_unit: float, width: float) -> None:
    """Draw a bar of a round length, about a fifth of the image's width."""
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    target = width * um_per_unit / 5
    power = 10.0 ** np.floor(np.log10(target))
    um = max(step * power for step in (1, 2, 5) if step * power <= target)
    text = f"{um / 1000:g} mm" if um >= 1000 else f"{um:g} µm"
    # On the tissue it would hide spots, so it stands below.
    where = {"loc": "upper right", "bbox_to_anchor": (1, 0), "bbox_transform": ax.transAxes}
    bar = AnchoredSizeBar(
        ax.transData, um / um_per_unit, text, pad=0, borderpad=0.4, sep=3, frameon=False, color=ink(), **where
    )
    ax.add_artist(bar)


def _rim(ax: Axes, view: SectionView, diameter: float) -> dict[str, Any]:
    """Return the look of a light rim, without which dark dots are not seen on purple tissue; none off an image."""
    if view.image is None:
        return {}
    figure: Any = ax.get_figure(root=True)
    shown = view.limits[1] - view.limits[0]
    place = ax.get_position()
    inches = np.array([place.width * figure.get_figwidth(), place.height * figure.get_figheight()])
    points = 72 * diameter * float((inches / shown).min())
    return {"edgecolor": RIM, "linewidth": min(0.5, 0.09 * points)}


def _as_circles(ax: Axes, values: np.ndarray, view: SectionView, style: Style, alpha: float) -> Any:
    diameter = view.diameter * style.size
    rim = _rim(ax, view, diameter)
    circles = None
    if style.colors is None:
        has_value = np.isfinite(values)
        circles = _spots(ax, view.xy[has_value], diameter, cmap=style.cmap, alpha=alpha, **rim)
        circles.set_array(values[has_value])
        circles.set_clim(*style.limits)
    else:
        has_value = np.array([name is not None for name in values])
        for name, color in style.colors.items():
            _spots(ax, view.xy[values == name], diameter, facecolor=color, alpha=alpha, **rim)
    if not has_value.all():
        _spots(ax, view.xy[~has_value], diameter, facecolor="none", edgecolor=MISSING_COLOR, linewidth=0.4)
    return circles


def _as_raster(ax: Axes, values: np.ndarray, view: SectionView, style: Style, alpha: float) -> Any:
    from matplotlib.colors import to_rgba

    low, high = view.limits
    cell = cell_size(low, high, view.spacing)
    if style.colors is None:
        cells, extent = mean_raster(view.xy, values, low, high, cell)
        look = {"cmap": style.cmap, "vmin": style.limits[0], "vmax": style.limits[1]}
    else:
        layers = [mean_raster(view.xy, (values == name).astype(float), low, high, cell) for name in style.colors]
        shares, extent = np.stack([layer for layer, _ in layers]), layers[0][1]
        cells = np.array([to_rgba(color) for color in style.colors.values()])[shares.argmax(axis=0)]
        cells[~(shares.max(axis=0) > 0)] = 0.0
        look = {}
    return ax.imshow(cells, extent=extent, interpolation="nearest", alpha=alpha, zorder=1, **look)


def draw_outline(ax: Axes, scored: ScoredSection, view: SectionView) -> None:
    """Draw a line around the spots called cancer, dark with a light rim so that it is seen on any colour."""
    from matplotlib.patheffects import withStroke

    inside = scored.region == CANCER
    if view.spacing.scattered or len(view.xy) > MANY:
        low, high = view.limits
        field = outline_of_shares(view.xy, inside, low, high, cell_size(low, high, view.spacing))
    else:
        field = outline_field(view.xy, inside, view.spacing.nearest)
    if field is not None:
        line = ax.contour(*field, levels=[0.0], colors="black", linewidths=1.0, zorder=3)
        line.set(path_effects=[withStroke(linewidth=2.6, foreground="white")])


def draw_tissue(ax: Axes, view: SectionView, *, scale_bar: bool = True) -> None:
    """Draw the image of a section, if it has one, in axes that hold all its spots."""
    low, high = view.limits
    if view.image is not None:
        from matplotlib.transforms import Affine2D

        height, width = view.image.shape[:2]
        shown = ax.imshow(view.image, extent=(0, width, height, 0), interpolation="bilinear")
        shown.set_transform(Affine2D(view.image_to_xy) + ax.transData)
    else:
        light_table(ax)
    ax.set_aspect("equal")
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(high[1], low[1])
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(view.image is None)
        spine.set_color("0.8")
    if scale_bar and np.isfinite(view.um_per_unit):
        _scale_bar(ax, view.um_per_unit, float(high[0] - low[0]))


def draw_section(ax: Axes, values: np.ndarray, view: SectionView, style: Style) -> Any:
    """Draw a section by numbers, NaN where unknown, or by names of classes, None where unknown.

    Returns what a colour bar is made for, None for classes.
    """
    # Translucent colours are others: a scale is still read, classes are not told apart.
    alpha = style.alpha if style.alpha is not None else 0.85 if view.image is not None and not style.colors else 1.0
    draw = _as_raster if len(view.xy) > MANY else _as_circles
    drawn = draw(ax, values, view, style, alpha)
    draw_tissue(ax, view, scale_bar=style.scale_bar)  # last: it sets the limits that the raster moves
    return drawn
