"""Draw which package of spacrd imports which: ``python docs/figures/architecture.py``.

tests/test_architecture.py compares ``ARROWS`` with the imports of the source.
"""

from __future__ import annotations

from pathlib import Path

BOXES = {
    # name: (left, bottom, width, what it is)
    "tl": (0.2, 4.2, 2.4, "fit, score, threshold, regions,\nexplain, cross-validate"),
    "pp": (3.2, 4.2, 2.0, "patches, annotations,\npseudo-spots"),
    "pl": (5.8, 4.2, 1.6, "images"),
    "metrics": (8.0, 4.2, 1.8, "likelihoods\nagainst labels"),
    "train": (0.2, 2.55, 1.3, "Lightning:\nstages, data"),
    "_sections": (7.1, 2.55, 2.7, "AnnData and SpatialData:\nonly this package knows them"),
    "model": (1.95, 1.0, 1.9, "SpaCRD: contract,\nscores, folder"),
    "encoders": (4.2, 1.0, 1.5, "patch to vector"),
    "image": (6.0, 1.0, 1.5, "pixels, scale"),
    "nn": (0.2, -0.45, 1.3, "torch only"),
}
ARROWS = {
    "pp": {"_sections", "encoders", "image"},
    "tl": {"_sections", "metrics", "model", "nn", "train"},
    "pl": {"_sections", "image", "model", "tl"},
    "metrics": {"_sections"},
    "_sections": {"image"},
    "train": {"model", "nn"},
    "model": {"nn"},
}
TOP = {"__init__", "__main__", "_cli", "_demo", "_report", "datasets"}
"""What stands above all of it, and the toy sections beside it."""
BASE = {"_checks", "_files", "_hardware", "_hub", "_interrupt", "_keys", "_settings", "_torchvision"}
"""What everything may use."""
HEIGHT = 0.95
COLORS = {"pp": "#E8F1FA", "tl": "#E8F1FA", "pl": "#E8F1FA", "metrics": "#E8F1FA", "_sections": "#FBEFE3"}


def main() -> None:
    """Write ``architecture.svg`` beside this file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    matplotlib.rcParams |= {"svg.hashsalt": "spacrd", "svg.fonttype": "path"}
    fig, ax = plt.subplots(figsize=(9, 6.2))
    fig.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, 10), ylim=(-1.75, 6.85))
    ax.axis("off")
    bands = {
        6.1: "_cli (spacrd ...), _report, _demo, datasets: use what is public, and nothing uses them",
        -1.55: "_keys (every name written), _checks (errors), _settings, _hardware, _hub: used by all",
    }
    for bottom, text in bands.items():
        ax.add_patch(FancyBboxPatch((0.2, bottom), 9.6, 0.55, boxstyle="round,pad=0.05", fc="#F3F3F3", ec="#999999"))
        ax.text(5, bottom + 0.275, text, ha="center", va="center", fontsize=10.5, color="#333333")
    patches = {}
    for name, (left, bottom, width, text) in BOXES.items():
        box = FancyBboxPatch(
            (left, bottom), width, HEIGHT, boxstyle="round,pad=0.05", fc=COLORS.get(name, "white"), ec="#333333"
        )
        patches[name] = ax.add_patch(box)
        ax.text(left + width / 2, bottom + 0.73, name, ha="center", va="center", fontsize=13, weight="bold")
        ax.text(left + width / 2, bottom + 0.27, text, ha="center", va="center", fontsize=8.5, color="#444444")
    for source, targets in ARROWS.items():
        for target in sorted(targets):
            middle = [(BOXES[name][0] + BOXES[name][2] / 2, BOXES[name][1] + HEIGHT / 2) for name in (source, target)]
            style = {"arrowstyle": "-|>", "color": "#0072B2", "lw": 1.3, "shrinkA": 0, "shrinkB": 2}
            style |= {"patchA": patches[source], "patchB": patches[target], "connectionstyle": _bend(source, target)}
            ax.annotate("", middle[1], middle[0], arrowprops=style, zorder=0.5)
    fig.savefig(Path(__file__).with_suffix(".svg"), facecolor="white", metadata={"Date": None})


def _bend(source: str, target: str) -> str:
    """Arrows that would run through a box go around it."""
    bends = {("tl", "nn"): -0.24, ("tl", "metrics"): -0.16, ("pl", "tl"): 0.2, ("tl", "_sections"): 0.07}
    return f"arc3,rad={bends.get((source, target), 0)}"


if __name__ == "__main__":
    main()
