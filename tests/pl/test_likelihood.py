from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.collections import EllipseCollection

from spacrd import datasets, pl
from spacrd.pl._view import MAX_PIXELS, view_section
from tests.making.scored import add_scores, scored_adata


def circles(ax: plt.Axes) -> list[EllipseCollection]:
    return [item for item in ax.collections if isinstance(item, EllipseCollection)]


def test_spots_lie_at_their_coordinates() -> None:
    adata = scored_adata()
    ax = pl.likelihood(adata)
    (spots,) = circles(ax)
    np.testing.assert_array_equal(spots.get_offsets(), adata.obsm["spatial"])
    np.testing.assert_allclose(spots.get_array(), adata.obs["spacrd_likelihood"])
    assert spots.get_clim() == (0, 1)
    assert spots.get_widths()[0] == pytest.approx(0.95 * 20)
    assert not ax.images
    assert ax.yaxis_inverted()
    assert ax.get_aspect() == 1
    assert ax.figure.axes[1].get_ylabel() == "cancer likelihood"


def test_spots_have_their_true_diameter_over_the_image() -> None:
    adata = scored_adata(image=True)
    ax = pl.likelihood(adata)
    (spots,) = circles(ax)
    assert spots.get_widths()[0] == pytest.approx(12)
    assert len(ax.images) == 1


def test_image_lies_under_its_spots() -> None:
    # The hires image is half the size; the only dark pixel lies under spot 7.
    adata = scored_adata(image=True)
    image = adata.uns["spatial"]["one"]["images"]["hires"]
    image[:] = 255
    x, y = adata.obsm["spatial"][7]
    image[int(y / 2), int(x / 2)] = 0
    from spacrd._sections import Selection, split_sections

    view = view_section(split_sections(adata)[0], Selection())
    row, column = np.argwhere(view.image[:, :, 0] == 0)[0]
    position = view.image_to_xy @ [column + 0.5, row + 0.5, 1]
    np.testing.assert_allclose(position[:2], [x, y], atol=2)


def test_regions_missing_spots_and_file(tmp_path: Path) -> None:
    adata = scored_adata()
    adata.obs.iloc[:4, adata.obs.columns.get_loc("spacrd_likelihood")] = np.nan
    adata.obs.iloc[:4, adata.obs.columns.get_loc("spacrd_region")] = None
    ax = pl.likelihood(adata, color="region", save=tmp_path / "r.png")
    counts = [len(item.get_offsets()) for item in circles(ax)]
    called = adata.obs["spacrd_region"].value_counts()
    assert counts == [called["normal"], called["cancer"], 4]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["normal", "cancer"]
    assert len(circles(pl.likelihood(adata))[0].get_offsets()) == adata.n_obs - 4


def test_each_section_has_a_panel() -> None:
    adata = scored_adata(libraries=("a", "b"), image=True)
    axes = pl.likelihood(adata)
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    _, given = plt.subplots(1, 2)
    assert pl.likelihood(adata, ax=given)[1] is given[1]


def with_column(adata: AnnData, name: str, values: object) -> AnnData:
    changed = adata.copy()
    changed.obs[name] = values
    return changed


def test_side_by_side_with_labels_and_the_image() -> None:
    adata = scored_adata(libraries=("a", "b"), image=True)
    adata.obs.loc[adata.obs_names[:3], "label"] = None
    adata.obs["label"] = adata.obs["label"].astype("category")
    adata.uns["label_colors"] = ["#112233", "#445566"]
    axes = pl.likelihood(adata, color=[None, "label", "likelihood", "region"], outline=True)
    assert len(axes) == 8
    assert [ax.get_title() for ax in axes[:4]] == ["image", "label", "cancer likelihood", "called region"]
    assert [axes[0].get_ylabel(), axes[4].get_ylabel()] == ["a", "b"]
    assert [len(circles(ax)) for ax in axes] == [0, 3, 1, 2, 0, 2, 1, 2]  # unlabelled spots on their own
    labelled = circles(axes[5])
    assert [mpl.colors.to_hex(spots.get_facecolor()[0]) for spots in labelled] == ["#112233", "#445566"]
    for name, spots in zip(("invasive", "stroma"), labelled, strict=True):
        own = adata[(adata.obs["library"] == "b") & (adata.obs["label"] == name)]
        np.testing.assert_array_equal(spots.get_offsets(), own.obsm["spatial"])
    assert [text.get_text() for text in axes[5].get_legend().get_texts()] == ["invasive", "stroma"]
    assert all(len(ax.images) == 1 for ax in axes)
    assert all(any(not isinstance(item, EllipseCollection) for item in ax.collections) for ax in axes)  # outlines
    (bar,) = axes[6].child_axes
    assert bar.get_xlim() == (0, 1)


def test_uncertainty_has_its_own_scale() -> None:
    adata = with_column(scored_adata(), "spacrd_uncertainty", np.float32(0.1))
    (spots,) = circles(pl.likelihood(adata, color="uncertainty"))
    assert spots.get_clim() == (0, 0.5)
    np.testing.assert_allclose(spots.get_array(), 0.1)


def test_names_with_dollars_are_no_mathematics() -> None:
    adata = scored_adata(libraries=("$\\frac$", "b"), image=True)
    adata.obs["label"] = adata.obs["label"].replace("stroma", "$\\sqrt$")
    for axes in (
        pl.likelihood(adata),
        pl.likelihood(adata, color=["label", "likelihood"]),
        pl.distribution(adata),
        pl.distribution(adata, label_key="label"),
    ):
        axes[0].figure.canvas.draw()


def test_spatialdata_with_a_scale_bar() -> None:
    sdata = datasets.toy_visium(n_rows=10, n_cols=10, n_genes=20)
    add_scores(sdata.tables["table"], "toy")
    ax = pl.likelihood(sdata)
    assert len(ax.images) == 1
    assert max(ax.images[0].get_array().shape) <= MAX_PIXELS
    texts = [child.txt_label.get_text() for child in ax.artists if hasattr(child, "txt_label")]
    assert texts and texts[0].endswith("µm")
    (spots,) = circles(ax)
    assert spots.get_widths()[0] == pytest.approx(2 * sdata.shapes["toy"]["radius"].iloc[0])
    small = pl.likelihood(sdata, image_key="toy_lowres_image")
    np.testing.assert_allclose(circles(small)[0].get_offsets(), spots.get_offsets())


def test_many_spots_are_drawn_quickly() -> None:
    adata = scored_adata(50_000)
    ax = pl.likelihood(adata)
    ax.figure.canvas.draw()
    assert len(circles(ax)[0].get_offsets()) == 50_000


def test_unknown_images_and_columns_are_refused() -> None:
    adata = scored_adata(image=True)
    with pytest.raises(KeyError, match=r"'best'.*'hires'"):
        pl.likelihood(adata, image_key="best")
    with pytest.raises(ValueError, match="no image"):
        pl.likelihood(scored_adata(), image_key="hires")
    with pytest.raises(KeyError, match=r"no colour 'red'.*'likelihood', 'uncertainty', 'region', 'library', 'label'"):
        pl.likelihood(adata, color="red")
    with pytest.raises(TypeError, match=r"obs\['n'\] holds complex numbers"):
        pl.likelihood(with_column(adata, "n", 3j), color="n")
    with pytest.raises(ValueError, match="color is empty"):
        pl.likelihood(adata, color=[])
    with pytest.raises(KeyError, match=r"spacrd\.tl\.score"):
        pl.likelihood(adata, key="none")


def test_half_a_million_spots_become_a_raster_of_means() -> None:
    adata = scored_adata(500_000)
    rng = np.random.default_rng(0)
    order = rng.permutation(adata.n_obs)
    adata = adata[order].copy()
    ax = pl.likelihood(adata)
    ax.figure.canvas.draw()
    (shown,) = ax.images
    values = np.asarray(shown.get_array().filled(np.nan))
    assert max(values.shape) <= 900
    assert not circles(ax)
    left, right, bottom, top = shown.get_extent()
    assert shown.get_clim() == (0, 1)
    rows, columns = values.shape
    for row, column in ((100, 100), (300, 150), (200, 400)):
        x = left + (column + np.array([0, 1])) * (right - left) / columns
        y = top + (row + np.array([0, 1])) * (bottom - top) / rows
        xy = adata.obsm["spatial"]
        here = (xy[:, 0] >= x[0]) & (xy[:, 0] < x[1]) & (xy[:, 1] >= y[0]) & (xy[:, 1] < y[1])
        assert here.any()
        assert values[row, column] == pytest.approx(adata.obs["spacrd_likelihood"][here].mean(), abs=1e-5)
    tissue_cells = values[30:-40, 30:-40]  # without the margin
    assert np.isfinite(tissue_cells).all()


def test_a_raster_shows_the_colours_of_regions() -> None:
    adata = scored_adata(60_000)
    (shown,) = pl.likelihood(adata, color="region").images
    found = {tuple(np.round(color, 3)) for color in np.asarray(shown.get_array()).reshape(-1, 4)}
    from matplotlib.colors import to_rgba

    assert found == {tuple(np.round(to_rgba(color), 3)) for color in ("#0072B2", "#D55E00")} | {(0, 0, 0, 0)}


def test_outline_parts_cancer_from_the_rest() -> None:
    from matplotlib.path import Path as Line

    adata = scored_adata()
    called = adata.obs["spacrd_region"] == "cancer"
    ax = pl.likelihood(adata, outline=True)
    (line,) = [item for item in ax.collections if not isinstance(item, EllipseCollection)]
    rings = [Line(ring) for path in line.get_paths() for ring in path.to_polygons()]
    crossings = sum(ring.contains_points(adata.obsm["spatial"]).astype(int) for ring in rings)
    np.testing.assert_array_equal(crossings % 2 == 1, called)
    adata.obs["spacrd_region"] = "normal"
    assert len(pl.likelihood(adata, outline=True).collections) == 1


def scattered(n: int) -> AnnData:
    """Cells anywhere, cancer in a disc, with a few of either kind among the other."""
    rng = np.random.default_rng(0)
    adata = scored_adata(n)
    adata.obsm["spatial"] = rng.uniform(0, 1000, (n, 2))
    disc = np.linalg.norm(adata.obsm["spatial"] - 500, axis=1) < 250
    adata.obs["disc"] = disc
    called = disc ^ (rng.uniform(size=n) < 0.03)
    adata.obs["spacrd_region"] = pd.Categorical(np.where(called, "cancer", "normal"))
    return adata


def test_outline_of_cells_is_one_line_around_most_of_the_cancer() -> None:
    from matplotlib.path import Path as Line

    adata = scattered(5000)
    (line,) = [item for item in pl.likelihood(adata, outline=True).collections if not hasattr(item, "get_widths")]
    (ring,) = [Line(ring) for path in line.get_paths() for ring in path.to_polygons()]
    inside = ring.contains_points(adata.obsm["spatial"])
    assert (inside == adata.obs["disc"]).mean() > 0.97


def test_raster_of_cells_has_next_to_no_holes() -> None:
    adata = scattered(60_000)
    (shown,) = pl.likelihood(adata).images
    values = np.asarray(shown.get_array().filled(np.nan))
    inner = values[len(values) // 4 : -len(values) // 4, len(values) // 4 : -len(values) // 4]
    assert len(inner) > 40
    assert np.isnan(inner).mean() < 0.01
