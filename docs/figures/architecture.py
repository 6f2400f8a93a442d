"""Draw which package of spacrd imports which: ``python docs/figures/architecture.py``.

tests/architecture/test_imports.py compares ``ARROWS`` with the imports of the source, and the SVG with ``ARROWS``.
"""

from __future__ import annotations

from pathlib import Path

BOXES = {
    # name: (left, bottom, width, what it is)
    "tl": (0.3, 4.8, 7.2, "fit, score, explain, threshold, regions, cross-validate"),
    "pl": (8.25, 4.8, 1.9, "figures"),
    "pp": (10.7, 4.8, 2.9, "patches, annotations,\npseudo-spots"),
    "rivals": (0.8, 2.6, 1.5, "other ways\nto score spots"),
    "train": (2.8, 2.6, 1.5, "fit on arrays,\nLightning"),
    "model": (4.8, 2.6, 1.5, "SpaCRD: predict,\nsave, load"),
    "explanation": (6.8, 2.6, 1.55, "what a likelihood\nrests on"),
    "metrics": (8.7, 2.6, 1.05, "agreement\nwith labels"),
    "_sections": (10.3, 2.6, 1.4, "alone knows\nAnnData and\nSpatialData"),
    "features": (0.3, 0.4, 4.8, "a section as arrays: counts, genes, scaling, neighbours"),
    "nn": (5.8, 0.4, 2.55, "networks in plain torch"),
    "image": (9.5, 0.4, 2.45, "pixels, scale"),
    "encoders": (12.3, 0.4, 1.3, "patch to vector"),
}
ARROWS = {
    "pp": {"_sections", "encoders", "image"},
    "tl": {"_sections", "explanation", "features", "metrics", "model", "rivals", "train"},
    "pl": {"_sections", "image", "model", "tl"},
    "metrics": {"_sections"},
    "_sections": {"image"},
    "rivals": {"features", "train"},
    "train": {"features", "model", "nn"},
    "explanation": {"features", "model", "nn"},
    "model": {"features", "nn"},
}
TOP = {"__init__", "__main__", "_cli", "_demo", "_report", "datasets"}
"""What stands above all of it, and the toy sections beside it."""
BASE = {"_checks", "_files", "_hardware", "_hub", "_interrupt", "_keys", "_schema", "_settings", "_torchvision"}
"""What everything may use."""
HEIGHT = 0.95
PAD = 0.05
"""By which boxes are drawn larger than they are given, for round corners."""
PUBLIC = {"tl", "pl", "pp", "metrics", "model", "rivals", "encoders"}
"""Packages that users import from: blue in the figure."""
ENDS = {
    # Where an arrow leaves the lower edge of a box and meets the upper edge of another, if not in the middle.
    ("tl", "features"): (0.5, 0.5),
    ("tl", "rivals"): (1.55, 1.55),
    ("tl", "train"): (3.55, 3.55),
    ("tl", "model"): (5.4, 5.4),
    ("tl", "explanation"): (7.1, 7.3),
    ("tl", "metrics"): (7.35, 8.95),
    ("tl", "_sections"): (7.5, 10.35),
    ("pl", "model"): (8.35, 6.1),
    ("pl", "image"): (9.97, 9.97),
    ("pl", "_sections"): (10.05, 10.65),
    ("pp", "_sections"): (11.1, 11.1),
    ("pp", "image"): (11.9, 11.8),
    ("pp", "encoders"): (12.95, 12.95),
    ("_sections", "image"): (11.0, 11.0),
    ("rivals", "features"): (1.55, 1.55),
    ("train", "features"): (3.2, 3.2),
    ("train", "nn"): (4.0, 5.95),
    ("model", "features"): (5.1, 4.6),
    ("model", "nn"): (6.0, 6.5),
    ("explanation", "features"): (7.1, 5.05),
    ("explanation", "nn"): (7.6, 7.6),
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
