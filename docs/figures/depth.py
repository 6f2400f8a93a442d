"""Draw ``depth.png`` from the rows of ``python -m benchmarks.depth``: ``python docs/figures/depth.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

HERE = Path(__file__).parent
ROWS = HERE.parents[1] / "benchmarks" / "results" / "depth.csv"
MARKS = {
    "depth": ("number of counts alone, no labels", "#888888", "D"),
    "with": ("linear model of expression", "#D55E00", "o"),
    "without": ("the same, blind to the mean expression (default)", "#0072B2", "o"),
}


def main() -> None:
    """Draw the AUC of every section, one line each."""
    frame = pd.read_csv(ROWS)
    places = range(len(frame))[::-1]
    figure, ax = plt.subplots(figsize=(7.2, 3.4))
    ax.hlines(places, frame["with"], frame["without"], color="#CCCCCC", lw=2, zorder=1)
    for column, (label, color, marker) in MARKS.items():
        ax.scatter(frame[column], places, color=color, marker=marker, s=42, label=label, zorder=2)
    ax.axvline(0.5, color="#999999", lw=0.8)
    names = [
        f"{row.section}  ({row[1]:.1f}x)" for row in frame[["section", "counts in cancer"]].itertuples(index=False)
    ]
    ax.set_yticks(list(places), names, fontsize=9)
    ax.set_xlabel("AUC (0.5: no better than chance)")
    ax.set_title("section (median counts of cancer spots against the others)", loc="left", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), ncol=3, fontsize=8, frameon=False)
    figure.savefig(HERE / "depth.png", dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main()
