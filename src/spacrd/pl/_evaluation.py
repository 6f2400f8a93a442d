"""Curves and table of a cross-validation, models side by side."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key
from ._figure import finish, ink, line_style, open_spines, panels, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..tl import CrossValidation

GRID = np.linspace(0, 1, 501)
LOWEST = {"auc": 0.5}
"""Lower end of the colours of the table: what chance reaches."""
FEWEST = 10
"""Points of the grid that are left out of the risk: 2 % of the spots are too few for a share of wrong calls."""
N_BINS = 10
"""Bins of the calibration curve, those of ``ece``."""
BLACK_ABOVE = 0.6
"""Share of the colour map, viridis, from which its colours are bright."""


def _runs(result: CrossValidation, model: str) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield labels, likelihoods and threshold of every seed and section of a model that metrics are computed from."""
    spots = result.likelihoods
    spots = spots[spots["model"] == model]
    label = spots["label"].astype(object)
    usable = label.notna() & ~label.isin(list(result.ignore)) & np.isfinite(spots["likelihood"])
    if result.negative is not None:
        usable &= label.isin([*result.positive, *result.negative])
    spots = spots[usable].assign(y=label.isin(list(result.positive)))
    thresholds = result.metrics.query("model == @model").set_index(["seed", "section"])["threshold"]
    for place, run in spots.groupby(["seed", "section"], observed=True):
        yield run["y"].to_numpy(), run["likelihood"].to_numpy(np.float64), float(thresholds.get(place, np.nan))


def _roc(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Compute recall at every false positive rate of the grid."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(y, p, drop_intermediate=False)
    curve = np.interp(GRID, false, true)
    curve[0] = 0.0
    return curve


def _precision_recall(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Compute precision at the first threshold that reaches every recall of the grid: steps, whose area is the AP."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(y, p, drop_intermediate=False)
    reached = np.searchsorted(recall[::-1][1:], GRID - 1e-12)
    return precision[::-1][1:][np.minimum(reached, len(recall) - 2)]


def _risk(y: np.ndarray, p: np.ndarray, threshold: float) -> np.ndarray:
    """Compute the share of wrong calls among the surest spots, for every share of the spots on the grid.

    A spot is the surer the farther its logit lies from that of the threshold.
    """
    from scipy.special import logit

    clipped = logit(np.clip([*p, threshold], 1e-6, 1 - 1e-6))
    order = np.argsort(-np.abs(clipped[:-1] - clipped[-1]), kind="stable")
    number = np.arange(1, len(y) + 1)
    return np.interp(GRID, number / len(y), np.cumsum(((p >= threshold) != y)[order]) / number)


def _calibration(runs: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Compute mean likelihood, fraction of cancer and number of spots of every filled bin, (bins, 3)."""
    y = np.concatenate([run[0] for run in runs])
    p = np.concatenate([run[1] for run in runs])
    bin_of = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    sums = np.stack([np.bincount(bin_of, weights=values, minlength=N_BINS) for values in (p, y, np.ones(len(p)))], 1)
    filled = sums[sums[:, 2] > 0]
    return np.column_stack([filled[:, :2] / filled[:, 2:], filled[:, 2]])


def _curves(axes: Sequence[Axes], result: CrossValidation, models: Sequence[str]) -> None:
    """Draw ROC, precision-recall, calibration and risk: means over sections, or over all spots, one line per model."""
    roc, precision, calibration, risk = axes
    prevalence = []
    for number, model in enumerate(models):
        runs = list(_runs(result, model))
        both = [(y, p) for y, p, _ in runs if 0 < y.sum() < len(y)]
        if not both:
            raise ValueError("No section has labelled spots of both classes, so there is no curve to draw.")
        # The model drawn first is the one looked for: on top, and stronger.
        style = line_style(number) | {"linewidth": 2.2 if number == 0 else 1.4, "zorder": 4 - number / 100}
        roc.plot(GRID, np.mean([_roc(*run) for run in both], axis=0), label=plain(model), **style)
        precision.plot(GRID, np.mean([_precision_recall(*run) for run in both], axis=0), **style)
        bins = _calibration(runs)
        calibration.plot(bins[:, 0], bins[:, 1], **style)
        sizes = 8 + 90 * bins[:, 2] / bins[:, 2].sum()
        calibration.scatter(bins[:, 0], bins[:, 1], sizes, color=style["color"], zorder=style["zorder"], linewidth=0)
        if cut := [run for run in runs if np.isfinite(run[2])]:
            risk.plot(GRID[FEWEST:], np.mean([_risk(*run) for run in cut], axis=0)[FEWEST:], **style)
        prevalence = [y.mean() for y, _ in both]
    chance: dict[str, Any] = {"color": ink(), "linewidth": 0.8, "linestyle": (0, (2, 2)), "alpha": 0.6, "zorder": 1}
    roc.plot([0, 1], [0, 1], **chance)
    precision.axhline(float(np.mean(prevalence)), **chance)
    calibration.plot([0, 1], [0, 1], **chance)
    texts = (
        ("ROC", "false positive rate", "recall"),
        ("precision-recall", "recall", "precision"),
        ("calibration", "likelihood", "fraction of cancer"),
        ("risk and coverage", "share of the spots kept, surest first", "share of wrong calls"),
    )
    for panel, (title, x, y) in zip(axes, texts, strict=True):
        panel.set(title=title, xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))
        open_spines(panel)
    risk.set_ylim(-0.01, max(0.1, 1.05 * max((float(np.max(line.get_ydata())) for line in risk.lines), default=0.1)))


def _table(ax: Axes, table: pd.DataFrame, metric: str) -> None:
    """Draw the numbers of models by sections, on a colour scale."""
    values = table.to_numpy(float)
    image: Any = ax.imshow(values, cmap="viridis", vmin=LOWEST.get(metric, 0.0), vmax=1, aspect="auto")
    size = "medium" if table.shape[1] <= 8 else "x-small"
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        if np.isfinite(value):
            color = "black" if image.norm(value) > BLACK_ABOVE else "white"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=size)
        else:
            ax.text(column, row, "-", ha="center", va="center", color=ink())
    ax.axvline(table.shape[1] - 1.5, color=ax.get_facecolor(), linewidth=3)
    names = [plain(name) for name in table.columns]
    slanted = max(map(len, names)) * len(names) > 32
    ax.set_xticks(range(len(names)), names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    ax.set_yticks(range(len(table)), [textwrap.fill(plain(name), 18) for name in table.index])
    ax.tick_params(axis="y", labelsize="medium" if len(table) <= 5 else "small")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(f"{metric.upper() if len(metric) < 4 else metric} by section")


def evaluation(
    result: CrossValidation,
    *,
    models: Sequence[str] | None = None,
    metric: str = "auc",
    ax: Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> list[Axes]:
    """Draw how well models tell cancer from normal on sections they have not seen.

    Five panels: ROC and precision-recall curves, averaged over seeds and sections as the metrics are, so that their
    areas are the mean AUC and AP; the calibration of all spots together, larger dots for more spots; the share of wrong
    calls as the spots nearest to the threshold are left out, averaged over seeds and sections; and one metric by
    section. Dashed: chance, or perfect calibration.

    Parameters
    ----------
    result
        What :func:`spacrd.tl.cross_validate` returned.
    models
        Models to draw, in this order; by default all, best AUC first.
    metric
        Metric of the table, as in :meth:`spacrd.tl.CrossValidation.per_section`.
    ax
        Five Axes to draw on; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The five Axes: ROC, precision-recall, calibration, risk and coverage, table.

    Raises
    ------
    TypeError
        If ``result`` is not a cross-validation.
    KeyError
        If it has no such model.
    ValueError
        If the metric is not known, no section has spots of both classes, ``models`` is empty, or ``ax`` does not hold
        five Axes.

    See Also
    --------
    spacrd.tl.CrossValidation.per_section : The numbers of the table.

    Examples
    --------
    >>> import spacrd
    >>> toys = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3)]
    >>> fast = {"modality": "expression"}
    >>> result = spacrd.tl.cross_validate(toys, "pathologist", positive="invasive cancer", **fast)
    >>> axes = spacrd.pl.evaluation(result, save="evaluation.png")
    """
    if not all(hasattr(result, name) for name in ("likelihoods", "per_section", "positive")):
        raise TypeError(f"Expected the result of spacrd.tl.cross_validate, got {type(result).__name__}.")
    table = result.per_section(metric)
    if isinstance(models, str):
        models = [models]
    chosen = list(table.index) if models is None else [check_key(name, table.index, "model") for name in models]
    if not chosen:
        raise ValueError("models is empty: name at least one, or leave it out for all.")
    axes = panels(5, ax, size=(4.2, 3.7), ncols=3)
    _curves(axes[:4], result, chosen)
    _table(axes[4], table.loc[chosen], metric)
    handles, labels = axes[0].get_legend_handles_labels()
    figure: Any = axes[0].get_figure(root=True)
    if ax is None:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False)
    else:
        axes[0].legend(handles, labels, frameon=False, loc="lower right", fontsize="small")
    finished = finish(axes, show=show, save=save)
    assert isinstance(finished, list)
    return finished
