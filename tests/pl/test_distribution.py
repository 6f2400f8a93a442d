from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spacrd import pl
from spacrd.pl._distribution import _expected
from tests.making.scored import scored_adata


def test_bars_threshold_and_components() -> None:
    adata = scored_adata()
    ax = pl.distribution(adata)
    assert sum(bar.get_height() for bar in ax.patches) == adata.n_obs
    assert any("threshold 0.50" in text.get_text() for text in ax.texts)
    assert ax.get_xlim() == (0, 1)
    assert {"normal component", "cancer component"} <= {line.get_label() for line in ax.lines}


def test_components_expect_every_spot() -> None:
    width = 1 / 40
    centres = np.arange(width / 2, 1, width)
    assert _expected(centres, width, -1.0, 1.5).sum() == pytest.approx(1)


def test_several_sections_give_a_list(tmp_path: Path) -> None:
    axes = pl.distribution(scored_adata(libraries=("a", "b")), save=tmp_path / "d.png")
    assert [ax.get_title().split("\n")[0] for ax in axes] == ["a", "b"]
    assert (tmp_path / "d.png").exists()
    _, given = plt.subplots()
    with pytest.raises(ValueError, match="2 panels"):
        pl.distribution(scored_adata(libraries=("a", "b")), ax=given)


def test_a_fallback_threshold_says_why() -> None:
    adata = scored_adata()
    adata.uns["spacrd"]["spacrd"]["sections"]["one"].update(threshold_method="0.5 (all likelihoods are equal)")
    (text,) = pl.distribution(adata).texts
    assert text.get_text().replace("\n", " ") == "threshold 0.50 all likelihoods are equal"


def test_a_histogram_needs_no_mixture_or_threshold() -> None:
    adata = scored_adata()
    report = adata.uns["spacrd"]["spacrd"]["sections"]["one"]
    report.update(threshold=np.nan, mixture_means=np.empty(0), mixture_sds=np.empty(0), mixture_weights=np.empty(0))
    adata.obs.iloc[:3, adata.obs.columns.get_loc("spacrd_likelihood")] = np.nan
    ax = pl.distribution(adata)
    assert not ax.lines
    assert not ax.texts
    assert ax.get_ylabel() == f"spots (of {adata.n_obs - 3})"


def test_a_histogram_of_unscored_data_is_refused() -> None:
    adata = scored_adata()
    with pytest.raises(KeyError, match=r"spacrd\.tl\.score"):
        pl.distribution(adata, key="other")


def test_each_class_has_a_violin() -> None:
    adata = scored_adata(libraries=("a", "b"))
    adata.obs["class"] = adata.obs["label"].astype(object)
    adata.obs.iloc[:2, adata.obs.columns.get_loc("class")] = np.nan
    adata.obs.iloc[2:5, adata.obs.columns.get_loc("class")] = "rare"
    axes = pl.distribution(adata, label_key="class")
    first = [text.get_text() for text in axes[0].get_yticklabels()]
    assert {name.rpartition(" (")[0] for name in first} == {"invasive", "rare", "stroma", "unlabelled"}
    assert first[-1] == "unlabelled (2)"
    assert "rare (3)" in first
    means = [
        adata.obs.loc[adata.obs["class"] == name.rpartition(" (")[0], "spacrd_likelihood"].mean() for name in first
    ]
    assert means[:3] == sorted(means[:3], reverse=True)
    assert len(axes[0].collections) == 2
    assert sum(int(text.get_text().rpartition("(")[2][:-1]) for text in axes[1].get_yticklabels()) == 120
    plain = scored_adata()
    ax = pl.distribution(plain, label_key="label", order=["stroma"])
    n_stroma = int((plain.obs["label"] == "stroma").sum())
    assert [text.get_text() for text in ax.get_yticklabels()] == [f"stroma ({n_stroma})"]
    with pytest.raises(KeyError, match=r"no class 'stoma'.*'stroma'"):
        pl.distribution(scored_adata(), label_key="label", order=["stoma"])
    with pytest.raises(KeyError, match="no obs column of classes 'lable'"):
        pl.distribution(scored_adata(), label_key="lable")


def test_a_section_without_likelihoods_says_so() -> None:
    adata = scored_adata(libraries=("a", "b"))
    adata.obs.loc[adata.obs["library"] == "b", "spacrd_likelihood"] = np.nan
    drawn, empty = pl.distribution(adata)
    assert [text.get_text() for text in empty.texts] == ["no spot has\na likelihood"]
    assert not empty.lines
    assert len(drawn.lines) == 3
    assert all(float(tick) == int(tick) for tick in empty.get_yticks())


def test_the_title_says_what_was_called() -> None:
    adata = scored_adata()
    adata.obs["spacrd_region"] = np.repeat(["cancer", "normal", "uncertain"], [60, 48, 12])
    assert pl.distribution(adata).get_title() == "one\n50% called cancer, 10% uncertain"
    adata.obs["spacrd_region"] = "normal"
    assert pl.distribution(adata).get_title() == "one\n0% called cancer"
    del adata.obs["spacrd_region"]
    assert pl.distribution(adata).get_title() == "one"


def test_the_band_holds_the_cuts_of_the_possible_shares() -> None:
    adata = scored_adata(400, libraries=("a", "b"))
    for name in ("a", "b"):
        adata.uns["spacrd"]["spacrd"]["sections"][name].update(share_low=0.25, share_high=0.75)
    part = adata[adata.obs["library"] == "a"].copy()
    ax = pl.distribution(part)
    (band,) = [patch for patch in ax.patches if str(patch.get_label()).startswith("thresholds if")]
    assert band.get_label() == "thresholds if 25% to 75% are cancer"
    likelihood = part.obs["spacrd_likelihood"]
    assert (likelihood >= band.get_x()).mean() == pytest.approx(0.75, abs=0.01)
    assert (likelihood >= band.get_x() + band.get_width()).mean() == pytest.approx(0.25, abs=0.01)
    texts = [text.get_text() for text in pl.distribution(adata)[0].figure.legends[0].get_texts()]
    assert texts[-1] == "cut at the ends of the interval for the share of cancer" and len(texts) == 3
