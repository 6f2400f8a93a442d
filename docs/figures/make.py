"""Make the images of the pages from the sections of the README example: ``python docs/figures/make.py``.

All tissue in them is simulated. The architecture is drawn by ``architecture.py``.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, ConnectionPatch, Rectangle
from PIL import Image

import spacrd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from spatialdata import SpatialData

HERE = Path(__file__).parent
CANCER = ["invasive cancer", "cancer in situ"]
CLASS_COLORS = {"invasive cancer": "#D55E00", "cancer in situ": "#E69F00"}
INK, QUIET, BLUE = "#222222", "#666666", "#0072B2"


def score_example() -> SpatialData:
    """The third section of the README, scored and explained by a model of the first two."""
    first, second, new = (spacrd.datasets.toy_visium(library_id=f"toy_{i}", seed=i) for i in range(3))
    for section in (first, second, new):
        spacrd.pp.extract_patches(section)
    model = spacrd.tl.fit([first, second], "pathologist", positive=CANCER)
    spacrd.tl.score(new, model)
    spacrd.tl.explain(new, model)
    return new


def image(section: SpatialData) -> np.ndarray:
    """Full-resolution H&E, rows by columns by RGB."""
    name = next(name for name in section.images if name.endswith("full_image"))
    return np.moveaxis(section.images[name]["scale0"]["image"].to_numpy(), 0, 2)


def dots(ax: Axes, section: SpatialData, values: np.ndarray, title: str, **kwargs: object) -> None:
    """Spots coloured by a value, on nothing."""
    xy = section["table"].obsm["spatial"]
    ax.set_title(title, fontsize=10, color=INK, pad=3)
    ax.scatter(*xy.T, c=values, s=13, linewidths=0, **kwargs)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.invert_yaxis()
    ax.axis("off")


def middle_spot(section: SpatialData) -> tuple[np.ndarray, np.ndarray]:
    """A spot at the edge of the cancer and its neighbourhood: centre, and centres of the seven spots."""
    table = section["table"]
    xy = np.asarray(table.obsm["spatial"], dtype=float)
    likelihood = table.obs["spacrd_likelihood"].to_numpy()
    distance = np.linalg.norm(xy - xy.mean(axis=0), axis=1) / np.ptp(xy) + np.abs(likelihood - 0.6)
    centre = xy[np.argmin(distance)]
    nearest = np.argsort(np.linalg.norm(xy - centre, axis=1))[:7]
    return centre, xy[nearest]


STEPS = {
    "1  Read": """Counts of every spot, and the
patch of H&E around it (blue)
as numbers of an encoder.

Scaled within the section.""",
    "2  Vote": """Image and genes each say
how much a spot looks like
cancer.

Orange: for, purple: against.""",
    "3  Spread": """Single spots are noisy,
tissue is contiguous: votes
spread over the section.""",
    "4  Calibrate": """Votes say which spots.
How many is estimated, as
a range of shares.

So votes become likelihoods.""",
    "5  Call": """A threshold without labels.
Spots whose call depends on
how many are uncertain (grey).""",
}


def draw_method(section: SpatialData) -> Figure:
    """The method in five steps, one below the other, each with what it makes of the example."""
    table = section["table"]
    fig, axes = plt.subplots(5, 3, figsize=(8.2, 11.5), width_ratios=(0.85, 1, 1))
    fig.subplots_adjust(left=0.01, right=0.99, top=0.975, bottom=0.01, hspace=0.22, wspace=0.06)
    for ax, (title, text) in zip(axes[:, 0], STEPS.items(), strict=True):
        ax.axis("off")
        ax.text(0, 1, title, fontsize=15, weight="bold", color=INK, va="top")
        ax.text(0, 0.8, text, fontsize=10.5, color=QUIET, va="top", linespacing=1.35)
    draw_patch(section, *axes[0, 1:])
    parts, where = table.obsm["spacrd_contributions"], table.obsm["spacrd_sources"]
    evidence = [
        (axes[1, 1], parts["image"], "what the image says"),
        (axes[1, 2], parts["expression"], "what the genes say"),
        (axes[2, 1], where["own"], "from the spot itself"),
        (axes[2, 2], where["propagation"], "from farther away"),
    ]
    for ax, values, title in evidence:
        bound = float(np.nanquantile(np.abs(values), 0.98))
        dots(ax, section, values.to_numpy(), title, cmap="PuOr_r", vmin=-bound, vmax=bound)
    draw_likelihoods(section, axes[3, 1])
    likelihood = table.obs["spacrd_likelihood"].to_numpy()
    dots(axes[3, 2], section, likelihood, "likelihood, 0 (dark) to 1", cmap="viridis", vmin=0, vmax=1)
    called, labels = table.obs["spacrd_region"], table.obs["pathologist"].astype(str)
    colors = dict(zip(called.cat.categories, table.uns["spacrd_region_colors"], strict=True))
    dots(axes[4, 1], section, called.map(colors).astype(str).to_numpy(), "called cancer")
    dots(axes[4, 2], section, labels.map(CLASS_COLORS).fillna(BLUE).to_numpy(), "the truth of this simulation")
    return fig


def draw_patch(section: SpatialData, whole: Axes, part: Axes) -> None:
    """The image, and in it a spot with its neighbours and its patch."""
    rgb = image(section)
    centre, seven = middle_spot(section)
    reach = 1.6 * np.linalg.norm(seven - centre, axis=1).max()
    for ax in (whole, part):
        ax.imshow(rgb)
        ax.set(xticks=[], yticks=[])
    whole.add_patch(Rectangle(centre - reach, 2 * reach, 2 * reach, fill=False, color=INK, lw=1.5))
    part.set(xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] + reach, centre[1] - reach))
    radius = section.shapes[next(iter(section.shapes))]["radius"].iloc[0]
    for spot in seven:
        part.add_patch(Circle(spot, radius, fill=False, color=INK, lw=1.6))
    part.add_patch(Rectangle(centre - radius, 2 * radius, 2 * radius, fill=False, color=BLUE, lw=2))
    for side in (-1, 1):
        start, end = centre + [reach, side * reach], (0, 0.5 - side / 2)
        link = ConnectionPatch(start, end, "data", "axes fraction", axesA=whole, axesB=part, color=INK, lw=0.8)
        part.figure.add_artist(link)


def draw_likelihoods(section: SpatialData, ax: Axes) -> None:
    """Their distribution and the threshold, without words."""
    spacrd.pl.distribution(section, ax=ax)
    ax.set(xlabel="", ylabel="", yticks=[])
    ax.set_title("likelihoods and threshold", fontsize=10, color=INK, pad=3)
    ax.spines[["top", "right", "left"]].set_visible(False)
    for text in [*ax.texts, ax.get_legend()]:
        if text is not None:
            text.remove()


def main() -> None:
    """Write every image beside this file."""
    spacrd.settings.progress = False
    plt.switch_backend("Agg")
    section = score_example()
    figures = {
        "method.png": draw_method(section),
        "example.jpg": spacrd.pl.likelihood(section, color=[None, "pathologist", "likelihood"])[0].figure,
        "map.jpg": spacrd.pl.likelihood(section).figure,
        "distribution.png": spacrd.pl.distribution(section).figure,
    }
    for name, figure in figures.items():
        keep(figure, HERE / name)


def keep(figure: Figure, path: Path) -> None:
    """Write an image small: a JPEG of what shows H&E large, 256 colours of the others."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110, facecolor="white", bbox_inches="tight")
    pixels = Image.open(buffer).convert("RGB")
    if path.suffix == ".jpg":
        pixels.save(path, quality=85, optimize=True, subsampling=0)
    else:
        pixels.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
