"""Map of the cancer likelihood over the tissue."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools
from .._sections import NoImageError, Selection, get_table, scored_sections
from ._figure import finish, panels, plain
from ._layers import SIGNED, UNSIGNED, Layer, classes_in, layers_of
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


def _views(sections: Sequence[ScoredSection], selection: Selection) -> list[SectionView]:
    """Place the sections on their images; one of several without any image is drawn alone, whatever image was named."""
    views: list[SectionView | None] = []
    for scored in sections:
        try:
            views.append(view_section(scored.section, selection))
        except NoImageError:
            if len(sections) == 1:
                raise
            views.append(None)
    if all(view is None for view in views):
        return [view_section(scored.section, selection) for scored in sections]  # raises
    return [view or view_section(scored.section, Selection()) for view, scored in zip(views, sections, strict=True)]


def _draw_column(
    axes: list[Axes],
    layer: Layer,
    views: Sequence[tuple[ScoredSection, SectionView]],
    style: Style,
    *,
    outline: bool,
    beside: bool,
) -> None:
    """Draw one layer of all sections, and what explains its colours beside or below the panels."""
    values = [] if layer.name is None else [layer.values(scored) for scored, _ in views]
    limits = layer.limits(values)
    style = replace(style, limits=limits, cmap=style.cmap or (SIGNED if limits[0] < 0 < limits[1] else UNSIGNED))
    drawn = None
    for number, (panel, (scored, tissue)) in enumerate(zip(axes, views, strict=True)):
        if layer.name is None:
            draw_tissue(panel, tissue, scale_bar=style.scale_bar)
        else:
            drawn = draw_section(panel, values[number], tissue, style)
        if outline:
            draw_outline(panel, scored, tissue)
    barred = style.scale_bar and np.isfinite(views[-1][1].um_per_unit)
    below = None if beside else SCALE_BAR if barred else GAP
    if layer.colors is not None:
        seen = classes_in(layer, [scored for scored, _ in views])
        _legend(axes[-1], {name: shade for name, shade in layer.colors.items() if name in seen}, below)
    elif layer.name is not None:
        _color_bar(axes, drawn, layer, below)


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
    label = plain(layer.title)
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
    layer: str | None = None,
    cmap: Any = None,
    size: float = 1.0,
    alpha: float | None = None,
    outline: bool = False,
    scale_bar: bool = True,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Draw the cancer map: every spot at its place on the tissue, coloured by likelihood, class, gene or other numbers.

    The colour scale of the likelihood always spans 0 to 1, so that sections can be compared; that of other numbers
    spans those of all sections. Spots have their true diameter over the image, which is read at low resolution, and a
    light rim; without an image they stand alone and nearly touch. Cells are as large as the tissue that each has on
    average. Spots without a result are drawn as empty circles. More than 50,000 spots of a section would cover each
    other: they become a raster of means, or of the class that most have.

    Classes have the colours stored in ``.uns["<column>_colors"]``. Without these, classes of cancer (those the model
    was fitted on, or those named so) are orange as called cancer, and no others are.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    color
        ``"likelihood"``, ``"uncertainty"``, ``"region"``; a column of ``.obs``, of classes or numbers; a gene; a
        column of ``.obsm``, written ``"slot:column"`` (``"spacrd_contributions:image"``, ``"X_pca:0"``); or None for
        the image alone. Several make one panel each, side by side: ``[None, "pathologist", "likelihood"]``.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    image_key
        Image to draw on; by default as in :func:`spacrd.pp.extract_patches`.
    coordinate_system
        Coordinate system of a SpatialData to draw in.
    layer
        Layer of the values of genes; ``.X`` if None.
    cmap
        Colour map of numbers; by default viridis, and for numbers of both signs one that is light at 0.
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
        If the result, the colour, the image or the coordinate system does not exist.
    TypeError
        If a column to colour by holds complex numbers.
    ValueError
        If ``color`` is empty, a gene stands in the table several times,
        no spot has coordinates, or ``ax`` holds another number of Axes than there are panels.

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
    check_bools(outline=outline, scale_bar=scale_bar)
    layers = layers_of(get_table(data, table_key), color, key, layer)
    sections = scored_sections(data, key, Selection(table_key=table_key, library_key=library_key))
    tissues = _views(sections, Selection(image_key=image_key, coordinate_system=coordinate_system))
    several = len(layers) > 1
    most = max(len(each.colors or ()) for each in layers)
    height = 3.2 + (0.1 * most / len(sections) if several else 0.0)  # names of classes stand in two columns below
    axes = panels(
        len(sections) * len(layers),
        ax,
        size=(5.2, 4.6) if len(sections) == len(layers) == 1 else (3.5, height),
        ncols=len(layers) if several else None,
        layout="compressed",
    )
    for column, each in enumerate(layers):
        # One scale bar in a line of panels, which all have its scale.
        _draw_column(
            axes[column :: len(layers)],
            each,
            list(zip(sections, tissues, strict=True)),
            Style(each.colors, cmap=cmap, size=size, alpha=alpha, scale_bar=scale_bar and column == 0),
            outline=outline,
            beside=not several,
        )
    _label_grid(axes, sections, layers)
    return finish(axes, show=show, save=save)
