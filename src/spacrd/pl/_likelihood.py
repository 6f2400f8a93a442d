"""Map of the cancer likelihood over the tissue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import check_choice
from .._keys import REGION_COLORS, Keys
from .._sections import get_table, scored_libraries
from ._figure import MISSING_COLOR, finish, panels
from ._map import Style, draw_section
from ._tissue import tissue_of

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData


def region_colors(table: AnnData, key: str) -> dict[str, str]:
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
    outline: bool = False,
    scale_bar: bool = True,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Draw the cancer map: every spot at its place on the tissue, coloured by likelihood or called region.

    The colour scale always spans 0 to 1, so that sections can be compared. Spots have their true diameter over
    the picture, which is read at low resolution; without a picture they stand alone and nearly touch. Spots without a
    result are drawn as empty circles. More than 50,000 spots of a section would cover each other: they become a raster
    of mean likelihoods, or of the region called most often.

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
    outline
        Whether to draw a line around the spots called cancer.
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
    After the :ref:`setup of the examples <examples>`:

    >>> ax = spacrd.pl.likelihood(section, save="map.png")
    """
    check_choice(color, ("likelihood", "region"), "color")
    colors = region_colors(get_table(data, table_key), key) if color == "region" else None
    sections = scored_libraries(data, key=key, table_key=table_key, library_key=library_key)
    tissues = [tissue_of(scored.library, image_key, coordinate_system) for scored in sections]
    axes = panels(len(sections), ax, size=(5.2, 4.6) if len(sections) == 1 else (3.5, 3.2))
    style = Style(colors=colors, cmap=cmap, size=size, alpha=alpha, outline=outline, scale_bar=scale_bar)
    drawn = [
        draw_section(panel, scored, tissue, style)
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
