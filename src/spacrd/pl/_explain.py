"""Bars of the contributions of modalities and genes to the scores of a region."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_key, check_positive_int
from .._keys import CANCER, Keys
from .._sections import get_table, result_record
from ._figure import MISSING_COLOR, PALETTE, finish, ink, open_spines, panels, plain

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

AGAINST, TOWARDS = PALETTE[0], PALETTE[1]


def _bars(ax: Axes, values: pd.Series, rows: np.ndarray) -> None:
    """Draw one bar for each value; the sign shows as side and as colour."""
    colors = np.where(values > 0, TOWARDS, AGAINST)
    ax.barh(rows, values, color=np.where(values.index == "base", MISSING_COLOR, colors), height=0.72)
    ax.locator_params(axis="x", nbins=6)
    open_spines(ax)
    ax.spines["left"].set_visible(False)


def _align(axes: list[Axes], values: list[pd.Series]) -> None:
    """Set limits of separate scales so that their zeros coincide."""
    longest = [max(float(bars.abs().max()), 1e-12) if len(bars) else 1.0 for bars in values]
    shares = np.concatenate([bars.to_numpy(float) / most for bars, most in zip(values, longest, strict=True)])
    low, high = min(shares.min(), 0.0) - 0.04, max(shares.max(), 0.0) + 0.04
    for ax, most in zip(axes, longest, strict=True):
        ax.set_xlim(low * most, high * most)


def _top(genes: pd.Series, n_genes: int) -> pd.Series:
    """Return the genes of the largest and the lowest contributions, half of each as far as there are, largest first."""
    import pandas as pd

    up, down = genes[genes > 0].nlargest(n_genes), genes[genes < 0].nsmallest(n_genes)
    few = min(len(down), n_genes // 2)
    up = up.iloc[: n_genes - few]
    return pd.concat([up, down.iloc[: n_genes - len(up)][::-1]])


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
    """Draw the contributions to the logits of a region: modalities above, the strongest genes below.

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
        Axes to draw on, modalities above and genes below; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes; where there are genes, the modalities have a scale of their own on top of it.

    Raises
    ------
    KeyError
        If the result or the region does not exist.
    TypeError
        If ``n_genes`` is no whole number.
    ValueError
        If ``n_genes`` is below 1, or ``ax`` holds several Axes.

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
    genes = None if stored is None else _top(stored[row].dropna(), n_genes)
    blocks = [modalities.astype(float), *([] if genes is None else [genes])]
    n = sum(map(len, blocks)) + len(blocks) - 1
    (panel,) = panels(1, ax, size=(4.8, 1.4 + 0.23 * max(n, 4)))
    scales = [panel] if genes is None else [panel.twiny(), panel]
    top, rows = n - 1, []
    for scale, values in zip(scales, blocks, strict=True):
        rows.append(np.arange(top, top - len(values), -1))
        _bars(scale, values, rows[-1])
        top -= len(values) + 1  # an empty row parts modalities from genes
    _align(scales, blocks)
    panel.set_yticks(np.concatenate(rows), [plain(name) for values in blocks for name in values.index])
    panel.set_ylim(-0.6, n - 0.4)
    panel.tick_params(axis="y", length=0)
    panel.axvline(0.0, color=ink(), linewidth=0.8)
    if genes is None:
        panel.set_xlabel("contribution (logit)")
    else:
        panel.set_xlabel("contribution of gene (logit)")
        scales[0].spines["top"].set_visible(True)
        scales[0].set_xlabel("contribution of modality (logit)")
        panel.axhline(len(genes), color=ink(), linewidth=0.8, alpha=0.4)
    panel.set_title(
        f"mean of {plain(region)} ({int(spots)} spots)\nleft: against cancer, right: for it", fontsize="medium"
    )
    finished = finish([panel], show=show, save=save)
    assert not isinstance(finished, list)
    return finished
