"""Map of the cancer likelihood over the tissue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice
from .._keys import REGION_COLORS, Keys
from .._sections import ScoredLibrary, get_table, scored_libraries
from ._figure import MISSING_COLOR, finish, panels
from ._tissue import Tissue, tissue_of

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData


def _spots(ax: Axes, xy: np.ndarray, diameter: float, **style: Any) -> Any:
    """Circles of one diameter in data units, so that they are right at any zoom and figure size."""
    from matplotlib.collections import EllipseCollection

    sizes = np.full(len(xy), diameter)
    circles = EllipseCollection(
        sizes, sizes, np.zeros(len(xy)), units="xy", offsets=xy, offset_transform=ax.transData, rasterized=True, **style
    )
    ax.add_collection(circles)
    return circles


def _scale_bar(ax: Axes, um_per_unit: float, width: float) -> None:
    """Bar of a round length, about a fifth of the picture's width."""
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    target = width * um_per_unit / 5
    power = 10.0 ** np.floor(np.log10(target))
    um = max(step * power for step in (1, 2, 5) if step * power <= target)
    text = f"{um / 1000:g} mm" if um >= 1000 else f"{um:g} µm"
    below = {"bbox_to_anchor": (1, 0), "bbox_transform": ax.transAxes}  # on the tissue it would hide spots
    bar = AnchoredSizeBar(
        ax.transData, um / um_per_unit, text, "upper right", pad=0, borderpad=0.4, sep=3, frameon=False, **below
    )
    ax.add_artist(bar)


def _draw(ax: Axes, scored: ScoredLibrary, tissue: Tissue, colors: dict[str, str] | None, style: dict[str, Any]) -> Any:
    low, high = tissue.limits
    if tissue.image is not None:
        from matplotlib.transforms import Affine2D

        height, width = tissue.image.shape[:2]
        shown = ax.imshow(tissue.image, extent=(0, width, height, 0), interpolation="bilinear")
        shown.set_transform(Affine2D(tissue.image_to_xy) + ax.transData)
    diameter = tissue.diameter * style["size"]
    drawn = None
    alpha = style["alpha"] if style["alpha"] is not None else (1.0 if tissue.image is None else 0.85)
    if colors is None:
        known = np.isfinite(scored.likelihood)
        drawn = _spots(ax, tissue.xy[known], diameter, cmap=style["cmap"], alpha=alpha)
        drawn.set_array(scored.likelihood[known])
        drawn.set_clim(0, 1)
    else:
        known = np.array([region is not None for region in scored.region])
        for name, color in colors.items():
            chosen = tissue.xy[scored.region == name]
            _spots(ax, chosen, diameter, facecolor=color, alpha=alpha)
    if not known.all():
        _spots(ax, tissue.xy[~known], diameter, facecolor="none", edgecolor=MISSING_COLOR, linewidth=0.4)
    ax.set_aspect("equal")
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(high[1], low[1])
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(tissue.image is None)
        spine.set_color("0.8")
    if style["scale_bar"] and np.isfinite(tissue.um_per_unit):
        _scale_bar(ax, tissue.um_per_unit, float(high[0] - low[0]))
    return drawn


def _region_colors(table: AnnData, key: str) -> dict[str, str]:
    column = table.obs.get(Keys.region(key))
    if column is None:
        raise KeyError(f"There is no .obs[{Keys.region(key)!r}]: run spacrd.tl.score or spacrd.tl.threshold first.")
    categories = [str(name) for name in column.astype("category").cat.categories]
    stored = list(table.uns.get(Keys.region_colors(key), []))
    if len(stored) != len(categories):
        stored = [REGION_COLORS.get(name, MISSING_COLOR) for name in categories]
    return dict(zip(categories, stored, strict=True))


def likelihood(
    data: AnnData | SpatialData,
    *,
    key: str = "spacrd",
    color: str = "likelihood",
    library_key: str | None = None,
    table_key: str = "table",
    image_key: str | None = None,
    coordinate_system: str | None = None,
    cmap: Any = "viridis",
    size: float = 1.0,
    alpha: float | None = None,
    scale_bar: bool = True,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Draw the cancer map: every spot at its place on the tissue, coloured by likelihood or called region.

    The colour scale always spans 0 to 1, so that sections can be compared. Spots have their true diameter over
    the picture, which is read at low resolution; without a picture they stand alone and nearly touch. Spots without a
    result are drawn as empty circles.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    color
        ``"likelihood"`` or ``"region"``.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    image_key
        Picture to draw on; by default as in :func:`spacrd.pp.extract_patches`.
    coordinate_system
        Coordinate system of a SpatialData to draw in.
    cmap
        Colour map of the likelihood.
    size
        Multiple of the spot diameter.
    alpha
        Opacity of the spots; by default slightly translucent over a picture.
    scale_bar
        Whether to draw a scale bar, if micrometres per pixel are known.
    ax
        Axes to draw on, as many as there are sections; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes; a list of them for several sections.

    Raises
    ------
    KeyError
        If the result, the picture or the coordinate system does not exist.

    Examples
    --------
    >>> spacrd.pl.likelihood(sdata, save="map.png")  # doctest: +SKIP
    """
    check_choice(color, ("likelihood", "region"), "color")
    colors = _region_colors(get_table(data, table_key), key) if color == "region" else None
    sections = scored_libraries(data, key=key, table_key=table_key, library_key=library_key)
    tissues = [tissue_of(scored.library, image_key, coordinate_system) for scored in sections]
    axes = panels(len(sections), ax, size=(5.4 if color == "likelihood" else 5.0, 4.6))
    style = {"cmap": cmap, "size": size, "alpha": alpha, "scale_bar": scale_bar}
    drawn = [
        _draw(panel, scored, tissue, colors, style)
        for panel, scored, tissue in zip(axes, sections, tissues, strict=True)
    ]
    for panel, scored in zip(axes, sections, strict=True):
        panel.set_title(scored.library.name)
    figure: Any = axes[0].get_figure(root=True)
    if colors is None:
        bar = figure.colorbar(drawn[0], ax=axes, label="cancer likelihood", fraction=0.05, shrink=0.8)
        bar.solids.set(alpha=1)
    else:
        from matplotlib.lines import Line2D

        dots = [Line2D([], [], marker="o", linestyle="", color=shade) for shade in colors.values()]
        axes[-1].legend(dots, list(colors), frameon=False, handlelength=1, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finish(axes, show=show, save=save)
