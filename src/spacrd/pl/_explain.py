"""Bars of the contributions of modalities and genes to the scores of a region."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, check_positive_int
from .._keys import CANCER, Keys
from .._sections import Selection, get_table, log_expression, result_record, split_silently
from ._figure import MISSING_COLOR, PALETTE, finish, ink, open_spines, panels, plain

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

AGAINST, TOWARDS = PALETTE[0], PALETTE[1]
HIGH, LOW = "#009E73", "#CC79A7"
BAR = 0.23
"""Inches of a bar."""


def _bars(ax: Axes, values: pd.Series, rows: np.ndarray) -> None:
    """Draw one bar for each value; the sign shows as side and as colour."""
    colors = np.where(values > 0, TOWARDS, AGAINST)
    ax.barh(rows, values, color=np.where(values.index == "base", MISSING_COLOR, colors), height=0.72)
    ax.axvline(0.0, color=ink(), linewidth=0.8)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=6)
    open_spines(ax)
    ax.spines["left"].set_visible(False)


def _top(genes: pd.Series, n_genes: int) -> pd.Series:
    """Return the genes of the largest and the lowest contributions, half of each as far as there are, largest first."""
    import pandas as pd

    up, down = genes[genes > 0].nlargest(n_genes), genes[genes < 0].nsmallest(n_genes)
    few = min(len(down), n_genes // 2)
    up = up.iloc[: n_genes - few]
    return pd.concat([up, down.iloc[: n_genes - len(up)][::-1]])


def _differences(data: Any, region: str, columns: np.ndarray, selection: Selection, key: str) -> np.ndarray | None:
    """Return how much higher genes at some columns are in the spots of a region than in the others, in log expression.

    Differences are taken within each section and averaged over those that have both kinds of spots. None if the
    column of regions is gone.
    """
    table = get_table(data, selection.table_key)
    record = result_record(table, Keys.explanation(key))
    column = str(record.get("groupby", Keys.region(key)))
    if column not in table.obs:
        return None
    values = table.obs[column]
    inside = values.notna().to_numpy() & (values.astype(str).map(Keys.section) == Keys.section(region)).to_numpy()
    library_key = selection.library_key or result_record(table, key).get("library_key") or None
    differences = []
    for section in split_silently(data, replace(selection, library_key=library_key)):
        here = inside[section.rows]
        if 0 < here.sum() < len(here):
            expression = log_expression(section, columns, selection.layer)
            differences.append(expression[here].mean(axis=0) - expression[~here].mean(axis=0))
    return np.mean(differences, axis=0) if differences else None


def _draw_genes(ax: Axes, beside: Axes | None, genes: pd.Series, differences: np.ndarray | None) -> None:
    """Draw contributions of genes, and beside them whether each is high or low in the region."""
    rows = np.arange(len(genes))[::-1]
    _bars(ax, genes, rows)
    ax.set_ylim(-0.6, len(genes) - 0.4)
    ax.set_xlabel("contribution of gene (logit)")
    ax.set_yticks(rows, [plain(name) for name in genes.index])
    ax.set_title("genes", fontsize="medium")
    if beside is None or differences is None:
        return
    beside.barh(rows, differences, height=0.72, color=np.where(differences > 0, HIGH, LOW))
    beside.axvline(0.0, color=ink(), linewidth=0.8)
    beside.set_ylim(*ax.get_ylim())
    beside.set_yticks([])
    beside.locator_params(axis="x", nbins=4)
    beside.set_xlabel("mean log expression,\nregion minus rest")
    beside.set_title("low / high in region", fontsize="medium")
    open_spines(beside)
    beside.spines["left"].set_visible(False)


def explain(
    data: AnnData | SpatialData,
    *,
    region: str = CANCER,
    n_genes: int = 20,
    key: str = "spacrd",
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
    ax: Sequence[Axes] | Axes | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Draw the contributions to the logits of a region: modalities above, the strongest genes below.

    Bars to the right speak for cancer, bars to the left against it; lengths are mean differences of the logit to the
    section's mean spot. Beside the genes stands whether each is higher or lower in the region than in the other spots:
    a gene of fat that speaks for cancer is one that is low there. Each panel has its own scale.

    Parameters
    ----------
    data
        Sections explained by :func:`spacrd.tl.explain`.
    region
        Region to draw, one of those explained.
    n_genes
        Number of genes: half of them for cancer and half against it, as far as there are.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.explain`.
    table_key
        Table of a SpatialData.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    layer
        Layer of the counts from which expression is computed; ``.X`` if None. Values that are no whole numbers count as
        log expression.
    ax
        Axes to draw on, as many as are returned; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes of the modalities; where there are genes a list of three: modalities, contributions of genes, and their
    expression (two, if the column of regions is gone).

    Raises
    ------
    KeyError
        If the result or the region does not exist.
    TypeError
        If ``n_genes`` is no whole number.
    ValueError
        If ``n_genes`` is below 1, or ``ax`` holds another number of Axes than there are panels.

    See Also
    --------
    spacrd.tl.explain : Computes the contributions.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.tl.explain(section, model)
    >>> axes = spacrd.pl.explain(section, region="cancer", save="genes.png")
    """
    check_positive_int(n_genes, "n_genes")
    table = get_table(data, table_key)
    record = result_record(table, Keys.explanation(key))
    if "regions" not in record:
        raise KeyError(f"There is no explanation {key!r} in uns['spacrd']: run spacrd.tl.explain first.")
    regions = record["regions"]
    row = Keys.section(region) if isinstance(region, str) and region not in regions.index else region
    check_key(region, [region] if row in regions.index else regions.index, "region")
    spots, means = regions.loc[row, "n_spots"], regions.loc[row].drop("n_spots")
    # The base is 0 where nothing is missing, and says nothing then.
    modalities = means if record.get("attention") == "votes" or not record.get("calibrated") else means.drop("base")
    stored = table.varm.get(Keys.contributions(key))
    # By position: names of genes may not be unique.
    genes = None if stored is None else _top(stored[row].reset_index(drop=True).dropna(), n_genes)
    differences = None
    if genes is not None:
        selection = Selection(table_key=table_key, library_key=library_key, layer=layer)
        differences = _differences(data, region, genes.index.to_numpy(), selection, key)
    axes = _panels(ax, len(modalities), None if genes is None else len(genes), beside=differences is not None)
    rows = np.arange(len(modalities))[::-1]
    _bars(axes[0], modalities.astype(float), rows)
    axes[0].set_yticks(rows, [plain(name) for name in modalities.index])
    axes[0].set_ylim(-0.6, len(modalities) - 0.4)
    axes[0].set_xlabel("contribution of modality (logit)" if genes is not None else "contribution (logit)")
    axes[0].set_title(
        f"mean of {plain(region)} ({int(spots):,} spots)\nleft: against cancer, right: for it", fontsize="medium"
    )
    if genes is not None:
        genes.index = table.var_names[genes.index]
        _draw_genes(axes[1], axes[2] if len(axes) > 2 else None, genes, differences)
    return finish(axes, show=show, save=save)


def _panels(ax: Sequence[Axes] | Axes | None, n_modalities: int, n_genes: int | None, *, beside: bool) -> list[Axes]:
    """Return the given Axes, or those of a new figure: modalities above, genes below, their expression beside them."""
    n = 1 if n_genes is None else 3 if beside else 2
    if ax is not None or n_genes is None:
        return panels(n, ax, size=(4.8, 1.4 + BAR * max(n_modalities, 3)))
    import matplotlib.pyplot as plt

    heights = [BAR * max(n_modalities, 2) + 0.2, BAR * max(n_genes, 2) + 0.2]
    figure = plt.figure(figsize=(6.4 if beside else 4.8, sum(heights) + 2.2), layout="constrained")
    grid = figure.add_gridspec(2, 2 if beside else 1, height_ratios=heights, width_ratios=(3, 1.3) if beside else None)
    return [figure.add_subplot(grid[place]) for place in ((0, 0), (1, 0), (1, 1))[:n]]
