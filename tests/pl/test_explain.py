from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.helpers import scored_adata


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
    assert names == ["gene29", "gene28", "gene27", "gene2", "gene1", "gene0"]
    assert (tmp_path / "genes.png").stat().st_size > 5_000
    assert "60 spots" in ax.child_axes[0].get_title()


def test_axes_of_ones_own(explained):
    _, own = plt.subplots()
    assert spacrd.pl.explain(explained, region="normal", ax=own, show=False) is own


def test_errors(explained):
    with pytest.raises(KeyError, match="no region 'immune'.*'cancer'"):
        spacrd.pl.explain(explained, region="immune")
    del explained.uns["spacrd"]["spacrd_explanation"]
    with pytest.raises(KeyError, match=r"spacrd\.tl\.explain"):
        spacrd.pl.explain(explained)
