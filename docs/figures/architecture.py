"""Draw which package of spacrd imports which: ``python docs/figures/architecture.py``.

tests/architecture/test_imports.py compares ``ARROWS`` with the imports of the source, and the SVG with ``ARROWS``.
"""

from __future__ import annotations

from pathlib import Path

BOXES = {
    # name: (left, bottom, width, what it is)
    "tl": (0.3, 4.8, 7.2, "fit, score, explain, threshold, regions, cross-validate"),
    "pl": (8.25, 4.8, 1.85, "figures"),
    "pp": (10.7, 4.8, 2.9, "patches, annotations,\npseudo-spots"),
    "rivals": (0.3, 2.6, 1.4, "other ways\nto score spots"),
    "train": (2.15, 2.6, 1.4, "fit on arrays,\nLightning"),
    "model": (4.0, 2.6, 1.4, "SpaCRD: predict,\nsave, load"),
    "explanation": (5.85, 2.6, 1.5, "what a likelihood\nrests on"),
    "metrics": (8.2, 2.6, 1.0, "agreement\nwith labels"),
    "_sections": (10.4, 2.6, 1.35, "alone knows\nAnnData and\nSpatialData"),
    "nn": (0.3, 0.4, 3.8, "networks in plain torch"),
    "features": (4.75, 0.4, 4.3, "a section as arrays: counts, genes,\nscaling, neighbours"),
    "image": (9.6, 0.4, 2.4, "pixels, scale"),
    "encoders": (12.3, 0.4, 1.3, "patch to vector"),
}
ARROWS = {
    "pp": {"_sections", "encoders", "features", "image"},
    "tl": {"_sections", "explanation", "features", "metrics", "model", "rivals", "train"},
    "pl": {"_sections", "image", "model", "tl"},
    "metrics": {"_sections"},
    "_sections": {"features", "image"},
    "rivals": {"features", "train"},
    "train": {"features", "model", "nn"},
    "explanation": {"features", "model", "nn"},
    "model": {"features", "nn"},
}
TOP = {"__init__", "__main__", "_cli", "_demo", "_her2st_model", "_legacy", "_report", "_view", "datasets"}
"""What stands above all of it, and the toy sections beside it."""
BASE = {
    "_checks",
    "_classes",
    "_files",
    "_hardware",
    "_hub",
    "_interrupt",
    "_keys",
    "_marker_genes",
    "_schema",
    "_settings",
    "_torch_mode",
    "_torchvision",
}
"""What everything may use."""
HEIGHT = 0.95
PAD = 0.05
"""By which boxes are drawn larger than they are given, for round corners."""
PUBLIC = {"tl", "pl", "pp", "metrics", "model", "rivals", "encoders"}
"""Packages that users import from: blue in the figure."""
ENDS = {
    # Where an arrow leaves the lower edge of a box and meets the upper edge of another, if not in the middle.
    ("tl", "rivals"): (1.0, 1.0),
    ("tl", "train"): (2.85, 2.85),
    ("tl", "model"): (4.5, 4.5),
    ("tl", "explanation"): (6.4, 6.4),
    ("tl", "features"): (7.25, 8.0),
    ("tl", "metrics"): (7.4, 8.4),
    ("tl", "_sections"): (7.5, 10.42),
    ("pl", "model"): (8.3, 5.3),
    ("pl", "image"): (9.9, 9.9),
    ("pl", "_sections"): (10.05, 10.75),
    ("pp", "_sections"): (11.1, 11.1),
    ("pp", "features"): (10.75, 8.65),
    ("pp", "image"): (11.9, 11.85),
    ("pp", "encoders"): (12.95, 12.95),
    ("_sections", "features"): (10.45, 8.98),
    ("_sections", "image"): (11.0, 11.0),
    ("rivals", "features"): (1.4, 4.78),
    ("train", "features"): (3.3, 5.0),
    ("train", "nn"): (2.6, 2.6),
    ("model", "features"): (5.1, 5.6),
    ("model", "nn"): (4.2, 3.5),
    ("explanation", "features"): (6.8, 6.8),
    ("explanation", "nn"): (6.0, 4.05),
}


def main() -> None:
    """Write ``architecture.svg`` beside this file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    matplotlib.rcParams |= {"svg.hashsalt": "spacrd", "svg.fonttype": "path"}
    fig, ax = plt.subplots(figsize=(11.5, 6.5))
    fig.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, 13.9), ylim=(-0.95, 6.95))
    ax.axis("off")
    bands = {
        6.15: "_cli (spacrd ...), _report, _demo, datasets: use what is public, and nothing uses them",
        -0.75: "_keys (every name written), _checks (errors), _settings, _schema, _hardware, _hub, _files: used by all",
    }
    for bottom, text in bands.items():
        ax.add_patch(FancyBboxPatch((0.3, bottom), 13.3, 0.55, boxstyle=f"round,pad={PAD}", fc="#F3F3F3", ec="#999999"))
        ax.text(6.95, bottom + 0.275, text, ha="center", va="center", fontsize=10.5, color="#333333")
    for name, (left, bottom, width, text) in BOXES.items():
        face = "#E8F1FA" if name in PUBLIC else "#FBEFE3" if name == "_sections" else "white"
        style = {"boxstyle": f"round,pad={PAD}", "fc": face, "ec": "#333333", "zorder": 2}
        ax.add_patch(FancyBboxPatch((left, bottom), width, HEIGHT, **style))
        middle = left + width / 2
        ax.text(middle, bottom + 0.76, name, ha="center", va="center", fontsize=13, weight="bold", zorder=3)
        ax.text(middle, bottom + 0.29, text, ha="center", va="center", fontsize=8.5, color="#444444", zorder=3)
    for source, targets in ARROWS.items():
        for target in sorted(targets):
            start, end = _ends(source, target)
            style = {"arrowstyle": "-|>", "color": "#0072B2", "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
            arrow = ax.annotate("", end, start, arrowprops=style, zorder=1)
            arrow.arrow_patch.set_gid(f"{source}-to-{target}")
    fig.savefig(Path(__file__).with_suffix(".svg"), facecolor="white", metadata={"Date": None})


def _ends(source: str, target: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an arrow starts and ends: beside the boxes of one row, below and above those of two."""
    (left, bottom, width, _), (to_left, to_bottom, to_width, _) = BOXES[source], BOXES[target]
    if bottom == to_bottom:
        y = bottom + HEIGHT / 2
        rightwards = left < to_left
        return (left + width + PAD if rightwards else left - PAD, y), (
            to_left - PAD if rightwards else to_left + to_width + PAD,
            y,
        )
    x, to_x = ENDS.get((source, target), (left + width / 2, to_left + to_width / 2))
    return (x, bottom - PAD), (to_x, to_bottom + HEIGHT + PAD)


if __name__ == "__main__":
    main()
