"""Every plot beside a stored image of it, without text.

The tolerance is a root mean square difference of 8 grey values of 255: antialiasing and layout of other versions of
matplotlib pass, a missing, moved or recoloured part does not. After a wanted change, look at the new images and store
them with ``SPACRD_STORE_IMAGES=1 pytest tests/pl/test_images.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.testing.compare import compare_images
from matplotlib.testing.decorators import remove_ticks_and_titles

from spacrd import pl
from spacrd.pl import _embedding
from tests.making.results import HISTORY, cross_validation, summary
from tests.making.scored import scored_adata

STORED = Path(__file__).parent / "images"
TOLERANCE = 8.0


def explained() -> AnnData:
    adata = AnnData(
        np.ones((4, 12), np.float32), var=pd.DataFrame({"cancer": np.linspace(-1, 2, 12)}, list("abcdefghijkl"))
    )
    adata.varm["spacrd_contributions"] = adata.var[["cancer"]]
    regions = pd.DataFrame({"n_spots": [4], "image": [1.0], "expression": [-0.5], "base": [0.2]}, index=["cancer"])
    adata.uns["spacrd"] = {"spacrd_explanation": {"attention": "votes", "calibrated": True, "regions": regions}}
    return adata


def laid_out() -> AnnData:
    adata = scored_adata()
    adata.obsm["X_spacrd"] = np.random.default_rng(0).normal(size=(adata.n_obs, 4)).astype(np.float32)
    adata.obsm["X_spacrd"][:, 0] += 5 * adata.obs["spacrd_likelihood"].to_numpy()
    return adata


def with_gaps() -> AnnData:
    adata = scored_adata(300, libraries=("a", "b"), image=True)
    for column in ("spacrd_likelihood", "spacrd_region"):
        adata.obs.iloc[:7, adata.obs.columns.get_loc(column)] = None
    return adata


PLOTS: dict[str, Callable[[], object]] = {
    "likelihood": lambda: pl.likelihood(scored_adata(), outline=True),
    "likelihood_grid": lambda: pl.likelihood(with_gaps()),
    "likelihood_region": lambda: pl.likelihood(with_gaps(), color="region"),
    "likelihood_labels": lambda: pl.likelihood(with_gaps(), color=[None, "label", "likelihood"], outline=True),
    "likelihood_raster": lambda: pl.likelihood(scored_adata(60_000)),
    "cohort": lambda: pl.cohort(summary(36)),
    "distribution": lambda: pl.distribution(scored_adata(300)),
    "distribution_classes": lambda: pl.distribution(scored_adata(300), label_key="label"),
    "evaluation": lambda: pl.evaluation(cross_validation()),
    "explain": lambda: pl.explain(explained()),
    "history": lambda: pl.history(HISTORY),
    "embedding": lambda: pl.embedding(laid_out()),
}


@pytest.fixture(autouse=True)
def _first_columns_as_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_embedding, "_laid_out", lambda latent, *_: AnnData(obsm={"X_umap": latent[:, :2]}))


@pytest.mark.skipif(
    tuple(map(int, version("matplotlib").split(".")[:2])) < (3, 11),
    reason="the stored images are of matplotlib 3.11; older ones place rasters half a pixel elsewhere",
)
@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_looks_as_stored(name: str, tmp_path: Path) -> None:
    with plt.style.context("default"):
        PLOTS[name]()
        figure = plt.gcf()
        figure.set_layout_engine("none")  # text of other fonts must not move the panels
        remove_ticks_and_titles(figure)
        for ax in figure.axes:
            ax.set(xlabel="", ylabel="")
        for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]:
            legend.remove()
        file = STORED / f"{name}.png"
        drawn = file if os.environ.get("SPACRD_STORE_IMAGES") else tmp_path / file.name
        drawn.parent.mkdir(exist_ok=True)
        figure.savefig(drawn, dpi=36)
    assert compare_images(str(file), str(drawn), tol=TOLERANCE) is None


@pytest.mark.parametrize("name", PLOTS)
def test_everything_is_seen_on_black(name: str) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

    with plt.style.context("dark_background"):
        PLOTS[name]()
        figure = plt.gcf()
        figure.canvas.draw()
        on_images = {id(text) for ax in figure.axes if ax.images for text in [*ax.texts, *ax.lines]}  # on colours
        for item in figure.findobj(lambda item: isinstance(item, Line2D | Text)):
            if item.get_visible() and id(item) not in on_images and (isinstance(item, Line2D) or item.get_text()):
                assert max(to_rgb(item.get_color())) > 0.3, item


def test_a_changed_plot_is_noticed(tmp_path: Path) -> None:
    adata = scored_adata()
    adata.obs["spacrd_likelihood"] = adata.obs["spacrd_likelihood"].to_numpy()[::-1]
    pl.likelihood(adata, outline=True)
    plt.gcf().set_layout_engine("none")
    remove_ticks_and_titles(plt.gcf())
    plt.gcf().savefig(tmp_path / "likelihood.png", dpi=36)
    assert compare_images(str(STORED / "likelihood.png"), str(tmp_path / "likelihood.png"), tol=TOLERANCE)
