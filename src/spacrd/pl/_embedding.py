"""UMAP of the latent code of spots."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, check_positive_int
from .._keys import Keys
from .._sections import get_table
from ._class_colors import class_colors
from ._figure import MISSING_COLOR, finish, light_table, open_spines, panels

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

MAX_SPOTS = 20_000
"""Spots that are laid out at most: more take minutes and cover each other."""
POINT_AREA = 60_000.0
"""Points squared that all dots of a panel take together."""
PANEL = 10.0
"""Square inches of such a panel; smaller ones have smaller dots."""


def _laid_out(latent: np.ndarray, n_neighbors: int, seed: int) -> AnnData:
    """Lay the rows out by UMAP, as scanpy does it."""
    import scanpy as sc
    from anndata import AnnData

    layout = AnnData(obsm={"X": latent})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of umap, about threads and seeds
        n_neighbors = min(n_neighbors, len(latent) - 1)
        # Exact, fast enough for `MAX_SPOTS`, and independent of pynndescent, whose version 0.7 scanpy cannot read.
        sc.pp.neighbors(layout, n_neighbors=n_neighbors, use_rep="X", transformer="sklearn", random_state=seed)
        sc.tl.umap(layout, random_state=seed)
    return layout


def embedding(
    data: AnnData | SpatialData,
    *,
    color: str | Sequence[str] | None = None,
    key: str = "spacrd",
    table_key: str = "table",
    n_neighbors: int = 15,
    max_spots: int = MAX_SPOTS,
    seed: int = 0,
    cmap: Any = "viridis",
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Draw the UMAP of the latent code ``.obsm["X_spacrd"]``, one panel per colour.

    The layout is scanpy's (:func:`scanpy.pp.neighbors`, :func:`scanpy.tl.umap`). Nothing is written into the data.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    color
        Columns of ``.obs``; by default likelihood and called region.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    table_key
        Table of a SpatialData.
    n_neighbors
        Neighbours of the graph that is laid out.
    max_spots
        Of more spots, so many are drawn at random.
    seed
        Of layout and draw.
    cmap
        Colour map of numbers; likelihoods span 0 to 1.
    ax
        Axes to draw on, as many as there are colours; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes; a list of them for several colours.

    Raises
    ------
    KeyError
        If the latent code or a column does not exist.
    TypeError
        If ``n_neighbors`` or ``max_spots`` is no whole number.
    ValueError
        If fewer than three spots have a latent code, a number is too small, or ``ax`` holds another number of Axes than
        there are colours.

    References
    ----------
    McInnes L, Healy J, Melville J (2018). UMAP: uniform manifold approximation and projection for dimension reduction.
    arXiv:1802.03426.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> axes = spacrd.pl.embedding(section, color=["spacrd_likelihood", "pathologist"])
    """
    check_positive_int(max_spots, "max_spots", minimum=3)
    check_positive_int(n_neighbors, "n_neighbors", minimum=2)
    table = get_table(data, table_key)
    check_key(Keys.latent(key), table.obsm, "latent code in obsm", hint="Run spacrd.tl.score first.")
    if color is None:
        columns = [Keys.likelihood(key), Keys.region(key)]
    else:
        columns = [color] if isinstance(color, str) else list(color)
    columns = [check_key(name, table.obs.columns, "obs column to colour by") for name in columns]
    latent = np.asarray(table.obsm[Keys.latent(key)], dtype=np.float32)
    rows = np.flatnonzero(np.isfinite(latent).all(axis=1))
    total = len(rows)
    if total < 3:
        raise ValueError(f"{total} spots have a latent code; a layout needs at least 3.")
    # Drawn at random also to mix the order, so that no section covers the others.
    rows = np.random.default_rng(seed).permutation(rows)[:max_spots]
    axes = panels(len(columns), ax, size=(4.6, 3.8))
    layout = _laid_out(latent[rows], n_neighbors, seed)
    _draw(axes, layout, table, rows, columns, cmap=cmap, key=key)
    if total > len(rows):
        axes[0].set_xlabel(f"UMAP1 ({len(rows)} of {total} spots)")
    return finish(axes, show=show, save=save)


def _draw(
    axes: Sequence[Axes],
    layout: AnnData,
    table: AnnData,
    rows: np.ndarray,
    columns: Sequence[str],
    *,
    cmap: Any,
    key: str,
) -> None:
    import scanpy as sc

    figure: Any = axes[0].get_figure(root=True)
    for panel, column in zip(axes, columns, strict=True):
        width, height = panel.get_position().size * figure.get_size_inches()
        size = float(np.clip(POINT_AREA * min(1.0, width * height / PANEL) / len(rows), 1.0, 60.0))
        colors = None if table.obs[column].dtype.kind in "fiu" else class_colors(table, column, key)
        values = table.obs[column].iloc[rows]
        layout.obs[column] = (values if colors is None else values.astype("category").cat.rename_categories(str)).array
        bounds = {"vmin": 0, "vmax": 1} if column == Keys.likelihood(key) else {}
        sc.pl.umap(
            layout, color=column, ax=panel, show=False, size=size, palette=colors, cmap=cmap, na_color=MISSING_COLOR,
            frameon=True, **bounds,
        )  # fmt: skip
        open_spines(panel)
        light_table(panel)
