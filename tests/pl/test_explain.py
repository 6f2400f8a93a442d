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
    ax = spacrd.pl.explain(explained, n_genes=6, save=tmp_path / "genes.png", show=False)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["image", "expression", "base", "gene29", "gene28", "gene27", "gene2", "gene1", "gene0"]
    assert list(ax.get_yticks()) == [9, 8, 7, 5, 4, 3, 2, 1, 0]
    (upper,) = [other for other in ax.figure.axes if other is not ax]
    assert [bar.get_width() for bar in upper.patches] == [0.5, 1.0, 0.0]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([1, 27 / 29, 25 / 29, -25 / 29, -27 / 29, -1])
    for scale in (ax, upper):  # nought lies at one place
        low, high = scale.get_xlim()
        assert -low / (high - low) == pytest.approx(0.5)
    assert (tmp_path / "genes.png").stat().st_size > 5_000
    assert "60 spots" in ax.get_title()


def test_given_axes_are_drawn_on(explained):
    _, own = plt.subplots()
    assert spacrd.pl.explain(explained, region="normal", ax=own, show=False) is own


def test_an_unknown_region_or_no_explanation_is_named(explained):
    with pytest.raises(KeyError, match="no region 'immune'.*'cancer'"):
        spacrd.pl.explain(explained, region="immune")
    del explained.uns["spacrd"]["spacrd_explanation"]
    with pytest.raises(KeyError, match=r"spacrd\.tl\.explain"):
        spacrd.pl.explain(explained)
