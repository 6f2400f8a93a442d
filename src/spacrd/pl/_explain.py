"""Bars of what the calls of a region rest on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, check_positive_int
from .._keys import CANCER, Keys
from .._sections import get_table, result_record
from ._figure import MISSING_COLOR, PALETTE, finish, ink, open_spines, panels

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

AGAINST, TOWARDS = PALETTE[0], PALETTE[1]


def _bars(ax: Axes, values: pd.Series) -> None:
    """One bar for each value, the first on top; the sign shows as side and as colour."""
    rows = np.arange(len(values))[::-1]
    ax.barh(rows, values, color=np.where(values > 0, TOWARDS, AGAINST), height=0.72)
    ax.set_yticks(rows, list(values.index))
    ax.set_ylim(-0.6, len(values) - 0.4)
    ax.axvline(0.0, color=ink(), linewidth=0.8)
    ax.locator_params(axis="x", nbins=6)
    ax.tick_params(axis="y", length=0)
    open_spines(ax)
    ax.spines["left"].set_visible(False)


def _top(genes: pd.Series, n_genes: int) -> pd.Series:
    """The genes of the largest and of the lowest contributions, half and half as far as there are, largest first."""
    up, down = genes[genes > 0].nlargest(n_genes), genes[genes < 0].nsmallest(n_genes)
    few = min(len(down), n_genes // 2)
    up = up.iloc[: n_genes - few]
    return up._append(down.iloc[: n_genes - len(up)][::-1])


def explain(
    data: AnnData | SpatialData,
    *,
    region: str = CANCER,
    n_genes: int = 20,
    key: str = "spacrd",
    table_key: str = "table",
    ax: Axes | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes:
    """Draw what the logits of a region rest on: modalities above, the strongest genes below.

    Bars to the right speak for cancer, bars to the left against it; lengths are mean differences of the logit to the
    section's mean spot. Modalities and single genes have scales of their own.

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
    ax
        Axes to draw the genes on, with the modalities in an inset above; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes of the genes; of the modalities, for a model that reads no genes.

    Raises
    ------
    KeyError
        If the result or the region does not exist.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> spacrd.tl.explain(section, model, n_steps=4)
    >>> axes = spacrd.pl.explain(section, region="cancer", save="genes.png")
    """
    check_positive_int(n_genes, "n_genes")
    table = get_table(data, table_key)
    record = result_record(table, Keys.explanation(key))
    if "regions" not in record:
        raise KeyError(f"There is no explanation {key!r} in uns['spacrd']: run spacrd.tl.explain first.")
    regions = record["regions"]
    check_key(region, regions.index, "region")
    row = regions.loc[region].drop("n_spots")
    # What no input adds is nought where nothing is missing, and says nothing then.
    modalities = row if record.get("attention") == "votes" or not record.get("calibrated") else row.drop("base")
    stored = table.varm.get(Keys.contributions(key))
    genes = None if stored is None else _top(stored[region].dropna(), n_genes)
    drawn = len(modalities) if genes is None else len(genes)
    (panel,) = panels(1, ax, size=(4.8, 1.5 + 0.21 * max(drawn, 4)))
    upper: Any = panel
    if genes is not None:
        _bars(panel, genes)
        panel.set_xlabel("mean contribution of a gene (logit)")
        tall = 0.8 * len(modalities) / max(drawn, 4)
        upper = panel.inset_axes((0.0, 1.0 + 1.4 / max(drawn, 4), 1.0, tall))
        upper.tick_params(axis="x", labelsize="small")
    _bars(upper, modalities.astype(float))
    if genes is None:
        panel.set_xlabel("mean contribution (logit)")
    base = list(modalities.index)
    if "base" in base:
        upper.patches[base.index("base")].set_color(MISSING_COLOR)
    upper.set_title(
        f"{region} ({int(regions.loc[region, 'n_spots'])} spots): blue against, red for cancer", fontsize="medium"
    )
    finished = finish([panel], show=show, save=save)
    assert not isinstance(finished, list)
    return finished
