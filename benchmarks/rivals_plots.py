"""Plots of the rivals' table: ROC curves, and the AUC of every section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.rivals_rows import read_score
from benchmarks.rivals_tasks import sections_of
from benchmarks.sections import HERE
from sklearn.metrics import roc_curve

MAIN_TASK, MAIN_GROUP = "a: her2st expression", "ag"
FIGURE = HERE.parent / "docs" / "figures" / "rivals.png"
SHOWN = 8
"""Curves in a plot: the best rivals, depth and spacrd."""
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito: told apart by all eyes."""


def draw(frame: pd.DataFrame, runs: list[dict[str, Any]], folder: Path, out: Path) -> None:
    """Write the dots of all sections for the docs, and ``rivals_roc.png`` if the scores are at hand."""
    import matplotlib

    matplotlib.use("Agg")
    if "auc" not in frame:
        return
    sections(frame).savefig(FIGURE, dpi=75)
    shown = best(frame, MAIN_TASK)
    kept = {run["rival"] for run in runs if run["group"] == MAIN_GROUP and run["status"] == "ok"}
    if shown and kept.issuperset(shown):
        roc(shown, runs, folder).savefig(out / "rivals_roc.png", dpi=120)


def best(frame: pd.DataFrame, task: str) -> list[str]:
    """Rivals to show: those of the highest mean AUC, and depth and spacrd whatever they have."""
    mean = frame[(frame["task"] == task) & frame["auc"].notna()].groupby("rival")["auc"].mean()
    always = [name for name in ("spacrd", "depth") if name in mean]
    rest = mean.drop(always).sort_values(ascending=False).index[: SHOWN - len(always)]
    return sorted([*always, *rest], key=lambda name: -mean[name])


def sections(frame: pd.DataFrame) -> Any:
    """A dot for every rival and section, task beside task."""
    import matplotlib.pyplot as plt

    frame = frame[frame["auc"].notna()]
    tasks = list(dict.fromkeys(frame["task"]))
    names = frame.groupby("rival", sort=False)["auc"].mean().sort_values().index
    row = {name: number for number, name in enumerate(names)}
    figure, axes = plt.subplots(
        1, len(tasks), figsize=(2.2 + 2.1 * len(tasks), 1.2 + 0.2 * len(names)), sharey=True, squeeze=False
    )
    for ax, task in zip(axes[0], tasks, strict=True):
        part = frame[frame["task"] == task].groupby(["rival", "section"], sort=False)["auc"].mean().reset_index()
        for number, (_, of_section) in enumerate(part.groupby("section", sort=False)):
            ax.scatter(of_section["auc"], of_section["rival"].map(row), s=14, color=COLORS[number % len(COLORS)])
        mean = part.groupby("rival")["auc"].mean()
        ax.scatter(mean, mean.index.map(row), marker="|", s=90, color="black")
        ax.axvline(0.5, color="#999999", lw=0.8)
        ax.set(xlim=(0, 1.02), xlabel="AUC", yticks=range(len(names)), yticklabels=names)
        ax.set_title(task.replace(": ", ":\n", 1).replace(" (", "\n("), fontsize=8)
        ax.grid(axis="y", color="#EEEEEE")
        ax.set_axisbelow(True)
    figure.tight_layout()
    return figure


def roc(shown: list[str], runs: list[dict[str, Any]], folder: Path) -> Any:
    """ROC curves of each section of the first task."""
    import matplotlib.pyplot as plt

    stored = sections_of(MAIN_GROUP, folder)
    chosen = [run for run in runs if run["group"] == MAIN_GROUP and run["rival"] in shown and run["status"] == "ok"]
    chosen = [run for run in chosen if run["seed"] == min(r["seed"] for r in chosen if r["rival"] == run["rival"])]
    folds = list(dict.fromkeys(run["fold"] for run in chosen))
    figure, axes = plt.subplots(1, len(folds), figsize=(2.6 * len(folds), 3.3), sharey=True, squeeze=False)
    for ax, fold in zip(axes[0], folds, strict=True):
        for run in (run for run in chosen if run["fold"] == fold):
            score, target = read_score(run["sections"][fold]).score, stored[fold].arrays.target
            kept = np.isfinite(score) & ~np.isnan(target)
            x, y, _ = roc_curve(target[kept] == 1, score[kept])
            ax.plot(x, y, color=COLORS[shown.index(run["rival"])], lw=1.2, label=run["rival"])
        ax.plot([0, 1], [0, 1], color="#CCCCCC", lw=0.8)
        ax.set(title=fold, xlabel="false positive rate", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes[0][0].set_ylabel("true positive rate")
    lines = {label: line for ax in axes[0] for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(lines.values(), lines, loc="lower center", ncol=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    return figure
