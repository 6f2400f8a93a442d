"""Make the pictures of the pages from the sections of the README example: ``python docs/figures/make.py``.

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
INK, QUIET = "#222222", "#666666"


def score_example() -> SpatialData:
    """The third section of the README, scored and explained by a model of the first two."""
    first, second, new = (spacrd.datasets.toy_visium(library_id=f"toy_{i}", seed=i) for i in range(3))
    for section in (first, second, new):
        spacrd.pp.extract_patches(section)
    model = spacrd.tl.fit([first, second], "pathologist", positive=CANCER)
    spacrd.tl.score(new, model)
    spacrd.tl.explain(new, model)
    return new


def picture(section: SpatialData) -> np.ndarray:
    """Full-resolution H&E, rows by columns by RGB."""
    name = next(name for name in section.images if name.endswith("full_image"))
    return np.moveaxis(section.images[name]["scale0"]["image"].to_numpy(), 0, 2)


def dots(ax: Axes, section: SpatialData, values: np.ndarray, **kwargs: object) -> None:
    """Spots coloured by a value, on nothing."""
    xy = section["table"].obsm["spatial"]
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


def draw_method(section: SpatialData) -> Figure:
    """The method in five steps, each with what it makes of the example."""
    table = section["table"]
    fig = plt.figure(figsize=(13, 5.4))
    width, gap = 0.168, 0.036
    left = [0.012 + i * (width + gap) for i in range(5)]
    titles = ["1  Read", "2  Vote", "3  Spread", "4  Calibrate", "5  Call"]
    texts = [
        "counts of every spot, and the\nH&E patch around it as numbers;\nscaled within the section",
        "picture and genes each say\nhow much a spot and its six\nneighbours look like cancer",
        "votes spread over the section:\nsingle spots are noisy,\ntissue is contiguous",
        "how many spots are cancer?\na second classifier says;\nlogits become probabilities",
        "a threshold without labels;\nspots too close to it\nare uncertain",
    ]
    for x, title, text in zip(left, titles, texts, strict=True):
        fig.text(x, 0.955, title, fontsize=14, weight="bold", color=INK)
        fig.text(x, 0.915, text, fontsize=9.5, color=QUIET, va="top", linespacing=1.4)

    def panel(column: int, row: int, height: float = 0.33) -> Axes:
        return fig.add_axes((left[column], 0.41 if row == 0 else 0.03, width, height))

    he, zoom = panel(0, 0), panel(0, 1)
    rgb = picture(section)
    centre, seven = middle_spot(section)
    reach = 1.6 * np.linalg.norm(seven - centre, axis=1).max()
    he.imshow(rgb)
    he.add_patch(Rectangle(centre - reach, 2 * reach, 2 * reach, fill=False, color=INK, lw=1.5))
    zoom.imshow(rgb)
    zoom.set(xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] + reach, centre[1] - reach))
    radius = section.shapes[next(iter(section.shapes))]["radius"].iloc[0]
    for spot in seven:
        zoom.add_patch(Circle(spot, radius, fill=False, color=INK, lw=1.6))
    zoom.add_patch(Rectangle(centre - radius, 2 * radius, 2 * radius, fill=False, color="#0072B2", lw=2))
    for ax in (he, zoom):
        ax.set(xticks=[], yticks=[])
    for corner in (-reach, reach):
        start, end = centre + [corner, reach], (0.5 + corner / 2 / reach, 1)
        link = ConnectionPatch(start, end, "data", "axes fraction", axesA=he, axesB=zoom)
        link.set(color=INK, lw=0.8)
        fig.add_artist(link)

    parts, where = table.obsm["spacrd_contributions"], table.obsm["spacrd_sources"]
    evidence = [
        (1, 0, parts["image"], "what the picture says"),
        (1, 1, parts["expression"], "what the genes say"),
        (2, 0, where["own"] + where["neighbours"], "from the seven spots"),
        (2, 1, where["propagation"], "from farther away"),
    ]
    for column, row, values, title in evidence:
        ax = panel(column, row)
        bound = float(np.nanquantile(np.abs(values), 0.98))
        dots(ax, section, values.to_numpy(), cmap="PuOr_r", vmin=-bound, vmax=bound)
        ax.set_title(title, fontsize=9.5, color=INK, pad=3)
    ax = fig.add_axes((left[3], 0.5, width, 0.24))
    spacrd.pl.distribution(section, ax=ax)
    ax.set(title="likelihoods and threshold", xlabel="", ylabel="", yticks=[])
    ax.title.set(fontsize=9.5, color=INK)
    for text in [*ax.texts]:
        text.remove()
    ax.spines[["top", "right", "left"]].set_visible(False)
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    ax = panel(3, 1)
    dots(ax, section, table.obs["spacrd_likelihood"].to_numpy(), cmap="viridis", vmin=0, vmax=1)
    ax.set_title("likelihood, 0 to 1", fontsize=9.5, color=INK, pad=3)
    called = table.obs["spacrd_region"]
    colors = dict(zip(called.cat.categories, table.uns["spacrd_region_colors"], strict=True))
    ax = panel(4, 0)
    dots(ax, section, called.map(colors).astype(str).to_numpy())
    ax.set_title("called: " + ", ".join(colors), fontsize=9.5, color=INK, pad=3)
    ax = panel(4, 1)
    labels = table.obs["pathologist"].astype(str)
    dots(ax, section, labels.map(CLASS_COLORS).fillna("#0072B2").to_numpy())
    ax.set_title("the truth of this simulation", fontsize=9.5, color=INK, pad=3)
    return fig


def main() -> None:
    """Write every picture beside this file."""
    spacrd.settings.progress = False
    plt.switch_backend("Agg")
    section = score_example()
    table = section["table"]
    shades = {name: CLASS_COLORS.get(name, "#0072B2") for name in table.obs["pathologist"].cat.categories}
    shades |= {"adipose tissue": "#56B4E9", "connective tissue": "#DDDDDD", "immune infiltrate": "#CC79A7"}
    table.uns["pathologist_colors"] = list(shades.values())
    figures = {
        "method.png": draw_method(section),
        "example.jpg": spacrd.pl.likelihood(section, color=[None, "pathologist", "likelihood"])[0].figure,
        "map.jpg": spacrd.pl.likelihood(section).figure,
        "distribution.png": spacrd.pl.distribution(section).figure,
    }
    for name, figure in figures.items():
        keep(figure, HERE / name)


def keep(figure: Figure, path: Path) -> None:
    """Write a picture small: a JPEG of what shows H&E large, 256 colours of the others."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110, facecolor="white", bbox_inches="tight")
    pixels = Image.open(buffer).convert("RGB")
    if path.suffix == ".jpg":
        pixels.save(path, quality=85, optimize=True, subsampling=0)
    else:
        pixels.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
