"""Likelihoods of a section by annotated class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_key
from .._classes import named_classes
from .._sections import ScoredSection
from ._figure import MISSING_COLOR, PALETTE, ink, open_spines, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

UNLABELLED = "unlabelled"
FEW = 5
"""Spots below which a density says nothing, so that each is drawn as a dot."""
ENOUGH = 2000
"""Quantiles that stand for more spots than that in a density."""


def _named(column: pd.Series) -> np.ndarray:
    return column.where(column.notna(), UNLABELLED).astype(str).to_numpy(dtype=object)


def class_order(
    sections: Sequence[ScoredSection], classes: Sequence[pd.Series], order: Sequence[str] | None
) -> list[str]:
    """Return the classes to draw, the same for all sections: as asked, else highest mean likelihood first."""
    names = np.concatenate([_named(column) for column in classes])
    likelihood = np.concatenate([scored.likelihood for scored in sections])
    finite = np.isfinite(likelihood)
    means = {
        str(name): float(likelihood[finite & (names == name)].mean()) for name in np.unique(names[finite].astype(str))
    }
    if order is not None:
        return [check_key(name, means, "class") for name in named_classes(order, "order")]
    last = [UNLABELLED] if UNLABELLED in means else []
    return sorted(means.keys() - set(last), key=lambda name: -means[name]) + last


def _density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return likelihoods from the lowest to the highest, and the density there, 1 at its mode."""
    from scipy.stats import gaussian_kde

    if len(values) > ENOUGH:
        values = np.quantile(values, np.linspace(0, 1, ENOUGH))
    grid = np.linspace(values.min(), values.max(), 200)
    density = gaussian_kde(values)(grid)
    return grid, density / density.max()


def draw_classes(ax: Axes, scored: ScoredSection, column: pd.Series, names: Sequence[str]) -> None:
    """Draw one violin per class, first on top, with quartiles; few spots as dots; the threshold across all."""
    named, finite = _named(column), np.isfinite(scored.likelihood)
    ticks = []
    for row, name in enumerate(names):
        values = scored.likelihood[finite & (named == name)]
        ticks.append(f"{plain(name)} ({len(values):,})")
        color = MISSING_COLOR if name == UNLABELLED else PALETTE[0]
        if len(values) < FEW or np.ptp(values) < 1e-9:
            ax.plot(values, np.full(len(values), row), "o", color=color, markersize=4)
            continue
        grid, width = _density(values)
        ax.fill_between(grid, row - 0.42 * width, row + 0.42 * width, color=color, alpha=0.55, linewidth=0)
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        ax.plot([low, high], [row, row], color=ink(), linewidth=3, solid_capstyle="butt")
        ax.plot(middle, row, "o", color="white", markeredgecolor="black", markersize=5)
    if np.isfinite(scored.threshold):
        ax.axvline(scored.threshold, color=ink(), linewidth=1.2, linestyle=(0, (4, 2)), zorder=0)
        ax.annotate(
            f"threshold {scored.threshold:.2f}",
            (scored.threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize="small",
        )
    ax.set_yticks(range(len(names)), ticks)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(-0.01, 1.01)
    ax.set_xlabel("cancer likelihood")
    ax.set_title(plain(scored.section.name), pad=16)
    open_spines(ax)
    ax.spines["left"].set_visible(False)
