"""Expected and called share of cancer of many sections, one line each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice, quote_names
from .._keys import NO_TUMOUR, REGION_COLORS, TUMOUR, UNCLEAR
from ._figure import finish, ink, open_spines, panels, plain

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

NOT_RECORDED = "not recorded"
VERDICTS = {
    TUMOUR: (REGION_COLORS["cancer"], "o"),
    UNCLEAR: ("#7A7A7A", "s"),
    NO_TUMOUR: (REGION_COLORS["normal"], "D"),
    NOT_RECORDED: ("#7A7A7A", "X"),
}
"""Colour and marker of each verdict; both differ, to be read without colours too."""
NEEDED = ("section", "verdict", "expected_share", "share_low", "share_high", "called_share", "shift")
"""Columns of :func:`spacrd.tl.summarise` that are drawn."""
ORDERS = ("given", "expected_share", "called_share")
LONGEST = 30
"""Characters of a name that is written whole."""
ROW = 0.21
"""Inches of a section."""


def _table(data: Any, key: str, table_key: str, library_key: str | None) -> pd.DataFrame:
    """Return the summary, made of sections if it is not one."""
    import pandas as pd

    if not isinstance(data, pd.DataFrame):
        from ..tl import summarise

        return summarise(data, key=key, table_key=table_key, library_key=library_key)
    missing = [name for name in NEEDED if name not in data]
    if missing:
        raise KeyError(
            f"The table lacks the columns {quote_names(missing)}. Pass what spacrd.tl.summarise returned, or the "
            "sections themselves."
        )
    if not len(data):
        raise ValueError("The table has no rows, so there is no section to draw.")
    return data


def _sorted(table: pd.DataFrame, order: str) -> pd.DataFrame:
    return table if order == "given" else table.sort_values(order, ascending=False, na_position="last", kind="stable")


def _short(name: str) -> str:
    """Cut a long name in its middle: it would leave no room for the plot, and its ends tell sections apart."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"


def _draw(ax: Axes, table: pd.DataFrame) -> None:
    rows = np.arange(len(table))
    verdicts = table["verdict"].where(table["verdict"].isin(list(VERDICTS)), NOT_RECORDED).to_numpy()
    ax.hlines(rows, 0, 1, color=ink(), alpha=0.08, linewidth=0.6, zorder=1)
    for verdict, (color, marker) in VERDICTS.items():
        of = np.flatnonzero(verdicts == verdict)
        if not len(of):
            continue
        some = table.iloc[of]
        ax.hlines(of, some["share_low"], some["share_high"], color=color, linewidth=2.2, alpha=0.55, zorder=2)
        label = f"verdict: {verdict} ({len(of)})"
        ax.plot(some["expected_share"], of, marker, color=color, markersize=5.5, zorder=4, label=label)
    tick: dict[str, Any] = {"color": ink(), "markersize": 10, "markeredgewidth": 1.6, "zorder": 3}
    ax.plot(table["called_share"], rows, "|", label="called share", **tick)
    shifted = table["shift"].to_numpy(bool)
    if shifted.any():
        at = np.full(int(shifted.sum()), 1.03)
        label = "unlike the training sections"
        ax.plot(at, rows[shifted], "^", color="#E69F00", markeredgecolor=ink(), markeredgewidth=0.6, label=label)
    ax.set_yticks(rows, [plain(_short(str(name))) for name in table["section"]])
    ax.tick_params(axis="y", length=0, labelsize="small" if len(table) > 12 else "medium")
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.06)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_xlabel("share of cancer (marker: expected, bar: 80% interval, tick: called)")
    open_spines(ax)
    ax.spines["left"].set_visible(False)


def cohort(
    data: pd.DataFrame | AnnData | SpatialData | Sequence[AnnData | SpatialData],
    *,
    order: str = "given",
    key: str = "spacrd",
    table_key: str = "table",
    library_key: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes:
    """Plot the share of cancer of many sections, one line for each.

    A marker shows the expected share, its colour and form the verdict, and a bar the interval of 80 %. A tick shows the
    share of the spots that were called. A triangle at the right marks a section unlike the training sections.

    Parameters
    ----------
    data
        Table of :func:`spacrd.tl.summarise`, or the scored sections themselves.
    order
        Order of the sections from top to bottom: ``"given"``, or by ``"expected_share"`` or ``"called_share"``, highest
        first.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`; of sections alone, as are the next two.
    table_key
        Table of a SpatialData.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    ax
        Axes to draw on; a new figure by default, whose height grows with the number of sections.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes.

    Raises
    ------
    KeyError
        If the table lacks a column, or the sections were not scored.
    ValueError
        If ``order`` is unknown, the table has no rows, or ``ax`` holds several Axes.

    See Also
    --------
    spacrd.tl.summarise : The numbers of the plot.
    spacrd.report : The same plot with a page for each section.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> ax = spacrd.pl.cohort([section], save="cohort.png")
    """
    check_choice(order, ORDERS, "order")
    table = _sorted(_table(data, key, table_key, library_key), order)
    (panel,) = panels(1, ax, size=(6.2, cohort_height(len(table))))
    draw_cohort(panel, table)
    finished = finish([panel], show=show, save=save)
    assert not isinstance(finished, list)
    return finished


def cohort_height(n: int) -> float:
    """Return the height of a plot of ``n`` sections in inches, its legend included."""
    return 1.5 + ROW * max(n, 3)


def draw_cohort(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the sections of a summary, in its order, with the legend below."""
    _draw(ax, table)
    figure: Any = ax.get_figure(root=True)
    if figure.get_layout_engine() is not None and len(figure.axes) == 1:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    else:
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
