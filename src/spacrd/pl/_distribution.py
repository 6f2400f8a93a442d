"""Histogram of the likelihoods of a section, with its threshold, and with its mixture if there is one."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, check_positive_int
from .._classes import class_names
from .._keys import CANCER, NORMAL, REGION_COLORS, UNCERTAIN
from .._sections import ScoredSection, Selection, get_table, labels, scored_sections
from ._figure import finish, ink, open_spines, panels, plain
from ._violin import class_order, draw_classes

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData


MAX_BINS = 10_000
BAND = "thresholds if"
BARS = "#B8B8B8"
"""Grey that is seen on white and on black."""


def _expected(p: np.ndarray, width: float, mean: float, sd: float) -> np.ndarray:
    """Compute how probable a likelihood within ``width / 2`` of ``p`` is for a component, Gaussian in the logit."""
    from scipy.special import logit
    from scipy.stats import norm

    upper, lower = np.minimum(p + width / 2, 1.0), np.maximum(p - width / 2, 0.0)
    return norm.cdf(logit(upper), mean, sd) - norm.cdf(logit(lower), mean, sd)


def caveat_of(method: str) -> str:
    """Return what a recorded threshold method says in brackets: why it is not the mixture's own; empty if it is."""
    return method.partition("(")[2].removesuffix(")").partition("; was ")[0]


def called_text(scored: ScoredSection) -> str:
    """Say what was called: the shares of the scored spots that are cancer and uncertain; empty if nothing was."""
    called = scored.region[np.isfinite(scored.likelihood)]
    if not any(name is not None for name in called):
        return ""
    cancer, uncertain = float((called == CANCER).mean()), float((called == UNCERTAIN).mean())
    return f"{cancer:.0%} called cancer" + (f", {uncertain:.0%} uncertain" if uncertain else "")


def cuts(scored: ScoredSection) -> tuple[float, float, str] | None:
    """Find where likelihoods would be cut if the share of cancer were at either end of its interval, and say so.

    None if no interval was recorded.
    """
    low, high = (float(scored.report.get(name, np.nan)) for name in ("share_low", "share_high"))
    likelihoods = scored.likelihood[np.isfinite(scored.likelihood)]
    if not (np.isfinite(low) and np.isfinite(high) and likelihoods.size):
        return None
    first, last = np.quantile(likelihoods, [1 - high, 1 - low])
    return float(first), float(last), f"{BAND} {low:.0%} to {high:.0%} are cancer"


def draw_histogram(ax: Axes, scored: ScoredSection, bins: int) -> None:
    """Draw likelihoods of a section as bars, its mixture as curves, its threshold as a line, other cuts as a band."""
    from matplotlib.colors import to_hex
    from matplotlib.ticker import MaxNLocator

    likelihoods = scored.likelihood[np.isfinite(scored.likelihood)]
    edge = to_hex(ax.get_facecolor(), keep_alpha=True)  # four numbers would be a colour for each data set
    heights, _, _ = ax.hist(likelihoods, bins=bins, range=(0, 1), color=BARS, edgecolor=edge, linewidth=0.5)
    top = max(float(np.max(heights)), 1.0)
    report = scored.report
    means = np.ravel(report.get("mixture_means", []))
    if not likelihoods.size:
        ax.text(0.5, 0.5, "no spot has\na likelihood", ha="center", va="center", transform=ax.transAxes)
    elif means.size == 2:
        width = 1 / bins
        grid = np.linspace(width / 2, 1 - width / 2, 20 * bins)  # middles of bars, of their full width
        for name, i in zip((NORMAL, CANCER), np.argsort(means), strict=True):
            curve = _expected(grid, width, means[i], float(np.ravel(report["mixture_sds"])[i]))
            curve = curve * float(np.ravel(report["mixture_weights"])[i]) * likelihoods.size
            ax.plot(grid, curve, color=REGION_COLORS[name], linewidth=1.8, label=f"{name} component")
            top = max(top, float(curve.max()))
    ax.set_ylim(0, top * 1.35)  # the room on top keeps the labels off the bars
    ax.set_xlim(0, 1)
    if (band := cuts(scored)) is not None:
        ax.axvspan(band[0], band[1], color=REGION_COLORS[CANCER], alpha=0.15, linewidth=0, zorder=0, label=band[2])
    if likelihoods.size and np.isfinite(scored.threshold):
        right = scored.threshold > 0.5
        label = f"threshold {scored.threshold:.2f}"
        if caveat := caveat_of(str(report.get("threshold_method", ""))):
            label = "\n".join([label, *textwrap.wrap(caveat, 26)])
        ax.axvline(scored.threshold, color=ink(), linewidth=1.2, linestyle=(0, (4, 2)))
        ax.annotate(
            label,
            (scored.threshold, 0.985),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if right else 5, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
        )
    ax.set_title("\n".join(filter(None, [plain(scored.section.name), called_text(scored)])), fontsize="medium")
    ax.set_xlabel("cancer likelihood")
    ax.set_ylabel(f"spots (of {likelihoods.size:,})")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    open_spines(ax)


def _explain_bands(handles: dict[str, Any]) -> None:
    """Give the bands of several sections, whose intervals differ, one entry of the legend, in place."""
    bands = {label: handle for label, handle in handles.items() if label.startswith(BAND)}
    for label in bands:
        del handles[label]
    if bands:
        handles["cut at the ends of the interval for the share of cancer"] = next(iter(bands.values()))


def distribution(
    data: AnnData | SpatialData,
    *,
    label_key: str | None = None,
    order: Sequence[str] | None = None,
    key: str = "spacrd",
    library_key: str | None = None,
    table_key: str = "table",
    bins: int = 40,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Plot how the likelihoods of each section are distributed and where the threshold cuts them.

    A histogram, whose title says what was called. The band shows where likelihoods would be cut if the share of cancer
    were at either end of its interval of 80 %: it is wide where that share is hardly known. If the threshold is by
    ``"gmm"``, curves show the numbers of spots that the two components of the mixture expect in each bar. With
    ``label_key``, a violin for each annotated class instead, with its quartiles.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    label_key
        Column of ``.obs`` with annotated classes, to draw one violin for each; unlabelled spots make one of their own.
    order
        Classes to draw, from top to bottom; by default all, highest mean likelihood first.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    bins
        Number of bars of the histogram, between 0 and 1.
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
        If the result, the column or a class does not exist.
    ValueError
        If ``ax`` holds another number of Axes than there are panels, ``order`` is given without ``label_key``, or there
        are too many bars.

    See Also
    --------
    spacrd.pl.likelihood : The same likelihoods on the tissue.
    spacrd.tl.threshold : Cut them at another threshold.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> ax = spacrd.pl.distribution(section)
    >>> ax = spacrd.pl.distribution(section, label_key="pathologist")
    """
    sections = scored_sections(data, key, Selection(table_key=table_key, library_key=library_key))
    if label_key is not None:
        check_key(label_key, get_table(data, table_key).obs.columns, "obs column of classes")
        classes = [class_names(labels(scored.section, label_key)) for scored in sections]
        names = class_order(sections, classes, order)
        axes = panels(len(sections), ax, size=(5.0, 1.2 + 0.42 * len(names)))
        for panel, scored, column in zip(axes, sections, classes, strict=True):
            draw_classes(panel, scored, column, names)
        return finish(axes, show=show, save=save)
    if order is not None:
        raise ValueError("order names classes to draw, but no column of classes: name it with `label_key`.")
    if check_positive_int(bins, "bins") > MAX_BINS:
        raise ValueError(f"bins must be at most {MAX_BINS}, got {bins}.")
    axes = panels(len(sections), ax, size=(4.6, 3.4) if len(sections) == 1 else (3.8, 3.1))
    for panel, scored in zip(axes, sections, strict=True):
        draw_histogram(panel, scored, bins)
    handles: dict[str, Any] = {}
    for panel in axes:
        handles |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    if len(axes) > 1:
        _explain_bands(handles)
    if handles and ax is None:
        figure: Any = axes[0].get_figure(root=True)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    elif handles:
        axes[-1].legend(handles.values(), handles.keys(), frameon=False)
    return finish(axes, show=show, save=save)
