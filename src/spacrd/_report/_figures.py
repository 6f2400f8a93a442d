"""Figures of one section as data URIs, on a light and on a dark page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import CANCER
from .._sections import ScoredSection
from ..pl import SectionView, Style, cohort_height, draw_cohort, draw_histogram, draw_outline, draw_section, draw_tissue

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PAPER = {"light": "#ffffff", "dark": "#16191d"}
"""Background of the figures, that of the page in report.html."""
WIDTH = 4.3
"""Inches: narrow, so that the text can still be read at the width of a phone."""
COHORT_WIDTH = 6.2
DPI = 165


@dataclass(frozen=True)
class Drawn:
    """One figure, on both backgrounds if they show."""

    light: str
    dark: str | None
    alt: str
    caption: str
    width: int
    height: int


def _uri(figure: Figure) -> tuple[str, tuple[int, int]]:
    from PIL import Image

    with io.BytesIO() as png:
        figure.savefig(png, dpi=DPI, format="png")
        image = Image.open(png).convert("RGB")
    with io.BytesIO() as file:
        # A chart of few colours is smaller, and sharp, without losses; a photograph is not.
        if image.getcolors(4096):
            image.save(file, "webp", lossless=True, quality=90, method=4)
        else:
            image.save(file, "webp", quality=78, method=4)
        data = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{data}", image.size


def _draw(page: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> tuple[str, tuple[int, int]]:
    from matplotlib import style
    from matplotlib.figure import Figure

    looks = ["default", *(["dark_background"] if page == "dark" else [])]
    faces = {f"{element}.facecolor": PAPER[page] for element in ("axes", "figure", "savefig")}
    with style.context([*looks, faces]):
        figure = Figure(figsize=size, layout="constrained")  # no pyplot: no state, no windows
        draw(figure)
        return _uri(figure)


def _on_both(draw: Callable[[Figure], None], height: float, alt: str, caption: str, width: float = WIDTH) -> Drawn:
    light, size = _draw("light", (width, height), draw)
    return Drawn(light, _draw("dark", (width, height), draw)[0], alt, caption, *size)


def _height(tissue: SectionView) -> float:
    """Return the height of an image as wide as a figure."""
    width, height = tissue.limits[1] - tissue.limits[0]
    return float(np.clip(WIDTH * height / width, 1.5, 6.0))


def map_figure(scored: ScoredSection, tissue: SectionView, alt: str) -> Drawn:
    """Draw likelihoods over the tissue with an outline of called cancer."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        drawn = draw_section(ax, scored.likelihood, tissue, Style())
        draw_outline(ax, scored, tissue)
        bar: Any = figure.colorbar(drawn, ax=ax, label="cancer likelihood", location="bottom", fraction=0.05, aspect=30)
        bar.solids.set(alpha=1)

    over = "over the image" if tissue.image is not None else "at their places; no image is stored with the section"
    caption = f"Likelihood of cancer of every spot, {over}."
    if (scored.region == CANCER).any():
        caption += " The line encloses the spots called cancer."
    return _on_both(draw, _height(tissue) + 0.75, alt, caption)


def image_figure(tissue: SectionView, name: str) -> Drawn:
    """Draw the image alone, at the position and size of the map."""

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        draw_tissue(figure.add_axes((0, 0, 1, 1)), tissue, scale_bar=False)

    uri, size = _draw("light", (WIDTH, _height(tissue)), draw)
    return Drawn(uri, None, f"H&E image of section {name}", "The image without spots.", *size)


def distribution_figure(scored: ScoredSection, alt: str) -> Drawn:
    """Draw the histogram of the likelihoods with mixture and threshold."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        draw_histogram(ax, scored, 40)
        ax.set_title("")
        handles: Any = ax.get_legend_handles_labels()
        if handles[0]:
            figure.legend(*handles, loc="outside lower center", ncols=2, frameon=False)

    mixture = np.size(scored.report.get("mixture_means", [])) == 2
    caption = "Number of spots by likelihood" + (", with the two components of the mixture." if mixture else ".")
    return _on_both(draw, 3.2, alt, caption)


def cohort_figure(table: pd.DataFrame, alt: str) -> Drawn:
    """Draw the expected and called share of cancer of all sections of a summary."""

    def draw(figure: Figure) -> None:
        draw_cohort(figure.subplots(), table)

    caption = "Expected share of cancer of each section with its interval of 80 %, and the share of the spots called."
    return _on_both(draw, cohort_height(len(table)), alt, caption, COHORT_WIDTH)
