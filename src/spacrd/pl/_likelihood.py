"""Map of the cancer likelihood over the tissue."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._sections import Selection, get_table, scored_sections
from ._figure import finish, panels, plain
from ._layers import Layer, classes_in, layers_of
from ._map import Style, draw_outline, draw_section, draw_tissue
from ._view import SectionView, view_section

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

    from .._sections import ScoredSection


GAP, SCALE_BAR = 4.0, 24.0
"""Points between a panel and what explains its colours, without and with a scale bar between them."""


ROOM = 2.2
"""Inches of a panel from which two columns of names fit below it."""


def _draw_layer(ax: Axes, layer: Layer, scored: ScoredSection, tissue: SectionView, style: Style) -> Any:
    if layer.name is not None:
        return draw_section(ax, layer.values(scored), tissue, style)
    draw_tissue(ax, tissue, scale_bar=style.scale_bar)
    return None


def _label_grid(axes: list[Axes], sections: list[ScoredSection], layers: list[Layer]) -> None:
    """Title the panels, which are sections by layers; where there is one of either, the other is the title."""
    for number, panel in enumerate(axes):
        row, column = divmod(number, len(layers))
        if len(layers) == 1:
            panel.set_title(plain(sections[row].section.name))
        elif row == 0:
            panel.set_title(plain(layers[column].title))
        if len(layers) > 1 and len(sections) > 1 and column == 0:
            panel.set_ylabel(plain(sections[row].section.name))


def _below(ax: Axes, points: float) -> Any:
    """Return the coordinates of the axes, moved down by so many points, whatever the size of the panel."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = ax.get_figure(root=True)
    return ax.transAxes + ScaledTranslation(0, -points / 72, figure.dpi_scale_trans)


def _color_bar(axes: list[Axes], drawn: Any, layer: Layer, below: float | None) -> None:
    figure: Any = axes[0].get_figure(root=True)
    label = "uncertainty" if layer.name == "uncertainty" else "cancer likelihood"
    if below is None:
        bar = figure.colorbar(drawn, ax=axes, label=label, fraction=0.05, shrink=0.8)
    else:
        bar_axes = axes[-1].inset_axes((0.05, -0.04, 0.9, 0.04), transform=_below(axes[-1], below))
        bar = figure.colorbar(drawn, cax=bar_axes, orientation="horizontal")
        bar_axes.tick_params(labelsize="small")
    bar.solids.set(alpha=1)


def _legend(ax: Axes, colors: Mapping[str, Any], below: float | None) -> None:
    from matplotlib import rcParams
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], marker="o", linestyle="", color=shade, markersize=0.6 * rcParams["font.size"])
        for shade in colors.values()
    ]
    look: dict[str, Any] = {"frameon": False, "handlelength": 1, "handletextpad": 0.4, "borderaxespad": 0.2}
    if below is None:
        look |= {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    else:
        look |= {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "bbox_transform": _below(ax, below)}
        figure: Any = ax.get_figure(root=True)
        inches = ax.get_position().width * figure.get_figwidth()
        look |= {"ncols": 2 if inches > ROOM else 1, "columnspacing": 1.0, "fontsize": "small"}
    ax.legend(dots, [plain(name) for name in colors], **look)


def likelihood(
    data: AnnData | SpatialData,
    *,
    key: str = "spacrd",
    color: str | Sequence[str | None] | None = "likelihood",
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
    """Draw the cancer map: every spot at its place on the tissue, coloured by likelihood, called region or class.

    The colour scale always spans 0 to 1, so that sections can be compared. Spots have their true diameter over
    the image, which is read at low resolution; without an image they stand alone and nearly touch. Spots without a
    result are drawn as empty circles. More than 50,000 spots of a section would cover each other: they become a raster
    of mean likelihoods, or of the region called most often.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    color
        ``"likelihood"``, ``"uncertainty"``, ``"region"``, a column of ``.obs`` that holds classes, or None for the
        image alone. Several make one panel each, side by side: ``[None, "pathologist", "likelihood"]``.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    image_key
        Image to draw on; by default as in :func:`spacrd.pp.extract_patches`.
    coordinate_system
        Coordinate system of a SpatialData to draw in.
    cmap
        Colour map of the likelihood.
    size
        Multiple of the spot diameter.
    alpha
        Opacity of the spots; by default numbers are slightly translucent over an image.
    outline
        Whether to draw a line around the spots called cancer.
    scale_bar
        Whether to draw a scale bar, if micrometres per pixel are known.
    ax
        Axes to draw on, as many as there are sections, times the colours; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes; a list of them for several sections or colours, all colours of a section in line.

    Raises
    ------
    KeyError
        If the result, the column, the image or the coordinate system does not exist.
    TypeError
        If a column to colour by holds numbers.
    ValueError
        If ``color`` is empty, no spot has coordinates, or ``ax`` holds another number of Axes than there are panels.

    See Also
    --------
    spacrd.pl.distribution : The same likelihoods as a histogram, with the threshold.
    spacrd.pl.patches : Patches of the highest, lowest and most uncertain spots.
    spacrd.tl.regions : Outlines of called cancer as polygons.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> ax = spacrd.pl.likelihood(section, save="map.png")
    >>> image, labels, map = spacrd.pl.likelihood(section, color=[None, "pathologist", "likelihood"], outline=True)
    """
    layers = layers_of(get_table(data, table_key), color, key)
    sections = scored_sections(data, key, Selection(table_key=table_key, library_key=library_key))
    tissues = [
        view_section(scored.section, Selection(image_key=image_key, coordinate_system=coordinate_system))
        for scored in sections
    ]
    several = len(layers) > 1
    most = max(len(layer.colors or ()) for layer in layers)
    height = 3.2 + (0.1 * most / len(sections) if several else 0.0)  # names of classes stand in two columns below
    axes = panels(
        len(sections) * len(layers),
        ax,
        size=(5.2, 4.6) if len(sections) == len(layers) == 1 else (3.5, height),
        ncols=len(layers) if several else None,
        layout="compressed",
    )
    for column, layer in enumerate(layers):
        # One scale bar in a line of panels, which all have its scale.
        style = Style(layer.colors, layer.limits, cmap, size, alpha, scale_bar and column == 0)
        column_axes = axes[column :: len(layers)]
        barred = style.scale_bar and np.isfinite(tissues[-1].um_per_unit)
        below = None if not several else SCALE_BAR if barred else GAP
        drawn = [
            _draw_layer(panel, layer, scored, tissue, style)
            for panel, scored, tissue in zip(column_axes, sections, tissues, strict=True)
        ]
        if outline:
            for panel, scored, tissue in zip(column_axes, sections, tissues, strict=True):
                draw_outline(panel, scored, tissue)
        if layer.colors is not None:
            seen = classes_in(layer, sections)
            _legend(column_axes[-1], {name: shade for name, shade in layer.colors.items() if name in seen}, below)
        elif layer.name is not None:
            _color_bar(column_axes, drawn[0], layer, below)
    _label_grid(axes, sections, layers)
    return finish(axes, show=show, save=save)
