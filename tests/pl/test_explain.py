from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.scored import scored_adata


@pytest.fixture
def explained():
    data = scored_adata()
    data = data[:, [0] * 30].copy()
    data.var_names = [f"gene{i}" for i in range(30)]
    values = np.linspace(-1, 1, 30)
    data.varm["spacrd_contributions"] = pd.DataFrame({"cancer": values, "normal": -values}, index=data.var_names)
    regions = pd.DataFrame(
        {"n_spots": [60, 60], "image": [0.5, -0.5], "expression": [1.0, -1.0], "base": [0.0, 0.0]},
        index=["cancer", "normal"],
    )
    data.uns["spacrd"]["spacrd_explanation"] = {"attention": "votes", "calibrated": True, "regions": regions}
    return data


def test_strongest_genes_of_the_region_stand_on_top(explained, tmp_path):
    modalities, genes, expression = spacrd.pl.explain(explained, n_genes=6, save=tmp_path / "genes.png", show=False)
    assert [text.get_text() for text in modalities.get_yticklabels()] == ["image", "expression", "base"]
    names = [text.get_text() for text in genes.get_yticklabels()]
    assert names == ["gene29", "gene28", "gene27", "gene2", "gene1", "gene0"]
    assert list(genes.get_yticks()) == [5, 4, 3, 2, 1, 0]
    assert [bar.get_width() for bar in modalities.patches] == [0.5, 1.0, 0.0]
    assert [bar.get_width() for bar in genes.patches] == pytest.approx([1, 27 / 29, 25 / 29, -25 / 29, -27 / 29, -1])
    assert genes.get_ylim() == expression.get_ylim()
    assert len(modalities.figure.axes) == 3  # one scale for each panel
    assert (tmp_path / "genes.png").stat().st_size > 5_000
    assert "60 spots" in modalities.get_title()


def test_a_gene_that_is_low_in_the_region_is_seen_to_be(explained):
    cancer = (explained.obs["spacrd_region"] == "cancer").to_numpy()
    counts = np.full(explained.shape, 5.0)
    counts[:, 29] = np.where(cancer, 1, 9)
    counts[:, 0] = np.where(cancer, 9, 1)
    explained.X = counts
    expression = spacrd.pl.explain(explained, n_genes=2)[2]
    logged = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    expected = logged[cancer].mean(axis=0) - logged[~cancer].mean(axis=0)
    assert [bar.get_width() for bar in expression.patches] == pytest.approx(expected[[29, 0]], rel=1e-4)
    assert expected[29] < 0 < expected[0]
    explained.layers["logged"] = logged
    expression = spacrd.pl.explain(explained, n_genes=2, layer="logged")[2]
    assert [bar.get_width() for bar in expression.patches] == pytest.approx(expected[[29, 0]], rel=1e-4)


def test_genes_of_one_name_are_drawn_each(explained):
    explained.var_names = ["same"] * 30
    _, genes, expression = spacrd.pl.explain(explained, n_genes=4)
    assert [text.get_text() for text in genes.get_yticklabels()] == ["same"] * 4
    assert len(expression.patches) == 4


def test_expression_is_left_out_where_the_regions_are_gone(explained):
    del explained.obs["spacrd_region"]
    assert len(spacrd.pl.explain(explained)) == 2


def test_an_explanation_without_genes_has_one_panel(explained):
    del explained.varm["spacrd_contributions"]
    ax = spacrd.pl.explain(explained)
    assert [bar.get_width() for bar in ax.patches] == [0.5, 1.0, 0.0]


def test_bars_are_drawn_on_given_axes(explained):
    _, own = plt.subplots(3)
    assert spacrd.pl.explain(explained, region="normal", ax=own, show=False) == list(own)
    with pytest.raises(ValueError, match="3 panels"):
        spacrd.pl.explain(explained, ax=own[0])


def test_what_was_not_explained_is_refused(explained):
    with pytest.raises(KeyError, match="no region 'immune'.*'cancer'"):
        spacrd.pl.explain(explained, region="immune")
    del explained.uns["spacrd"]["spacrd_explanation"]
    with pytest.raises(KeyError, match=r"spacrd\.tl\.explain"):
        spacrd.pl.explain(explained)
