"""What a map can be coloured by, and the colours of classes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_hex
from scipy.sparse import csr_matrix

from spacrd import pl
from spacrd._keys import REGION_COLORS
from spacrd.pl._class_colors import is_cancer, palette
from tests.making.scored import scored_adata


def spots(ax: plt.Axes) -> list[EllipseCollection]:
    return [item for item in ax.collections if isinstance(item, EllipseCollection)]


@pytest.fixture
def adata() -> AnnData:
    adata = scored_adata(libraries=("a", "b"))
    rng = np.random.default_rng(0)
    adata.X = csr_matrix(rng.poisson(2.0, adata.shape).astype(np.float32))
    adata.layers["raw"] = adata.X * 10
    adata.var_names = ["ERBB2", "A:B"]
    adata.obs["total_counts"] = rng.integers(1, 500, adata.n_obs)
    signed = rng.normal(size=(adata.n_obs, 2))
    adata.obsm["parts"] = pd.DataFrame(signed, adata.obs_names, ["image", "base"])
    adata.obsm["X_pca"] = signed.astype(np.float32)
    return adata


def test_genes_columns_and_slots_are_shown_in_all_sections_on_one_scale(adata: AnnData) -> None:
    colors = ["ERBB2", "A:B", "total_counts", "parts:image", "X_pca:1"]
    axes = pl.likelihood(adata, color=colors)
    expected = [
        adata.X[:, 0].toarray().ravel(),
        adata.X[:, 1].toarray().ravel(),
        adata.obs["total_counts"].to_numpy(),
        adata.obsm["parts"]["image"].to_numpy(),
        adata.obsm["X_pca"][:, 1],
    ]
    in_a = (adata.obs["library"] == "a").to_numpy()
    for column, values in enumerate(expected):
        first, second = (spots(axes[row * len(colors) + column])[0] for row in (0, 1))
        np.testing.assert_allclose(first.get_array(), values[in_a])
        np.testing.assert_allclose(second.get_array(), values[~in_a])
        assert first.get_clim() == second.get_clim()
    assert spots(axes[2])[0].get_clim() == (expected[2].min(), expected[2].max())
    low, high = spots(axes[3])[0].get_clim()
    assert low == -high and spots(axes[3])[0].get_cmap().name == "PuOr_r"
    assert [ax.get_title() for ax in axes[:5]] == colors


def test_a_gene_is_read_from_a_layer_and_named_at_the_colour_bar(adata: AnnData) -> None:
    part = adata[adata.obs["library"] == "a"].copy()
    ax = pl.likelihood(part, color="ERBB2", layer="raw", cmap="magma")
    np.testing.assert_allclose(spots(ax)[0].get_array(), 10 * part.X[:, 0].toarray().ravel())
    assert spots(ax)[0].get_cmap().name == "magma"
    assert ax.figure.axes[1].get_ylabel() == "ERBB2"


def test_numbers_that_are_missing_are_empty_circles(adata: AnnData) -> None:
    adata.obs["n"] = pd.array([1, None] * 120, dtype="Int64")
    numbers, missing = spots(pl.likelihood(adata, color="n", library_key="library")[0])
    assert len(numbers.get_offsets()) == len(missing.get_offsets()) == 60


def test_names_that_mean_nothing_are_refused(adata: AnnData) -> None:
    with pytest.raises(KeyError, match=r"no colour 'ERBB3'.*'parts:'.*names of genes.*slot:column"):
        pl.likelihood(adata, color="ERBB3")
    with pytest.raises(KeyError, match=r"no column of obsm\['parts'\] 'img'.*'image'"):
        pl.likelihood(adata, color="parts:img")
    with pytest.raises(KeyError, match="no layer 'none'"):
        pl.likelihood(adata, color="ERBB2", layer="none")
    adata.var_names = ["ERBB2", "ERBB2"]
    with pytest.raises(ValueError, match="several times"):
        pl.likelihood(adata, color="ERBB2")


HER2ST = [
    "adipose tissue",
    "breast glands",
    "cancer in situ",
    "connective tissue",
    "immune infiltrate",
    "invasive cancer",
]


def test_cancer_looks_like_called_cancer_and_nothing_else_does() -> None:
    adata = scored_adata()
    adata.obs["class"] = pd.Categorical(np.resize(HER2ST, adata.n_obs))
    ax = pl.likelihood(adata, color="class")
    shown = {name: to_hex(circles.get_facecolor()[0]) for name, circles in zip(HER2ST, spots(ax), strict=True)}
    assert shown["invasive cancer"] == REGION_COLORS["cancer"].lower()
    assert shown["cancer in situ"] == "#e69f00"
    assert len(set(shown.values())) == 6
    assert {shown[name] for name in HER2ST[:2]} == {"#56b4e9", "#0072b2"}


def test_classes_that_the_model_counts_as_cancer_come_before_their_names() -> None:
    adata = scored_adata()
    adata.uns["spacrd"]["spacrd"]["positive"] = np.array(["3"])
    adata.obs["class"] = pd.Categorical(np.resize(["1", "2", "3", "tumour bed"], adata.n_obs))
    names = ["1", "2", "3", "tumour bed"]
    colors = dict(
        zip(names, [to_hex(c.get_facecolor()[0]) for c in spots(pl.likelihood(adata, color="class"))], strict=True)
    )
    assert colors["3"] == REGION_COLORS["cancer"].lower()
    assert "#e69f00" not in colors.values()


@pytest.mark.parametrize(
    "name", ["Invasive", "DCIS/LCIS_1", "IDC_2", "Tumor", "infiltrating ductal carcinoma", "melanoma"]
)
def test_names_of_cancer_are_known(name: str) -> None:
    assert is_cancer(name)


@pytest.mark.parametrize(
    "name",
    ["Healthy_1", "non-tumour", "tumor_free", "tumour stroma", "TIL", "lymphocytes in tumor", "normal"],
)
def test_names_with_cancer_that_are_not_cancer_are_known(name: str) -> None:
    assert not is_cancer(name)


@pytest.mark.parametrize(("n_cancer", "n_other"), [(0, 4), (0, 30), (7, 1), (9, 40)])
def test_every_class_has_a_colour_of_its_own(n_cancer: int, n_other: int) -> None:
    cancer = [f"c{i}" for i in range(n_cancer)]
    colors = palette([*cancer, *(f"stroma {i}" for i in range(n_other))], cancer)
    assert len(set(colors.values())) == n_cancer + n_other
    if n_cancer < 6:
        assert REGION_COLORS["cancer"] not in list(colors.values())[n_cancer:]


def test_dots_on_an_image_have_a_light_rim_and_others_none() -> None:
    (rimmed,) = spots(pl.likelihood(scored_adata(image=True)))
    assert to_hex(rimmed.get_edgecolor()[0]) == "#ffffff" and 0 < rimmed.get_linewidth()[0] <= 0.5
    (plain,) = spots(pl.likelihood(scored_adata()))
    plain.figure.canvas.draw()
    assert len(plain.get_edgecolor()) == 0 or to_hex(plain.get_edgecolor()[0]) != "#ffffff"


def test_cells_fill_their_section() -> None:
    adata = scored_adata(2000)
    adata.obsm["spatial"] = np.random.default_rng(0).uniform(0, 1000, (adata.n_obs, 2))
    (cells,) = spots(pl.likelihood(adata))
    covered = np.pi / 4 * cells.get_widths()[0] ** 2 * adata.n_obs
    assert covered == pytest.approx(1000**2, rel=0.1)


def test_a_section_without_an_image_stands_beside_others_with_one() -> None:
    adata = scored_adata(libraries=("a", "b", "c"), image=True)
    del adata.uns["spatial"]["b"]
    for settings in ({}, {"image_key": "hires"}, {"image_key": "hires", "library_key": "library"}):
        axes = pl.likelihood(adata, color=["label", "likelihood"], **settings)
        assert [len(ax.images) for ax in axes] == [1, 1, 0, 0, 1, 1]
    with pytest.raises(KeyError, match="no image 'best'"):
        pl.likelihood(adata, image_key="best")
