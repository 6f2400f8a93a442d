from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

import spacrd
from spacrd.metrics import evaluate
from tests.making.scored import scored_adata


def test_metrics_of_one_section_are_those_of_scikit_learn() -> None:
    adata = scored_adata()
    table = evaluate(adata, "label", positive="invasive")
    assert list(table.index) == ["one"]
    assert table.index.name == "section"
    y = (adata.obs["label"] == "invasive").to_numpy()
    p = adata.obs["spacrd_likelihood"].to_numpy()
    assert table.loc["one", "auc"] == pytest.approx(roc_auc_score(y, p))
    assert table.loc["one", "f1"] == pytest.approx(f1_score(y, p >= 0.5))
    assert table.loc["one", "threshold"] == 0.5
    assert table.loc["one", "n"] == adata.n_obs


def test_several_sections_have_a_mean_row() -> None:
    adata = scored_adata(libraries=("a", "b"))
    adata = adata[np.random.default_rng(1).permutation(adata.n_obs)].copy()
    table = evaluate(adata, "label", positive=["invasive"])
    assert set(table.index[:-1]) == {"a", "b"}
    assert table.index[-1] == "mean"
    assert table.loc["mean", "n"] == 240
    assert table.loc["mean", "auc"] == pytest.approx(table.loc[["a", "b"], "auc"].mean())
    assert np.isnan(table.loc["mean", "threshold"])
    adata.obs["half"] = np.where(np.arange(adata.n_obs) % 2, "odd", "even")
    assert set(evaluate(adata, "label", positive="invasive", library_key="half").index) == {"odd", "even", "mean"}


def test_missing_and_ignored_spots_are_left_out_and_counted() -> None:
    adata = scored_adata()
    whole = evaluate(adata, "label", positive="invasive")
    adata.obs["label"] = adata.obs["label"].astype(object)
    adata.obs.iloc[:5, adata.obs.columns.get_loc("label")] = np.nan
    adata.obs.iloc[5:9, adata.obs.columns.get_loc("label")] = "undetermined"
    adata.obs.iloc[9:12, adata.obs.columns.get_loc("spacrd_likelihood")] = np.nan
    table = evaluate(adata, "label", positive="invasive", ignore="undetermined")
    assert table.loc["one", "n_left_out"] == 12
    assert table.loc["one", "n"] == whole.loc["one", "n"] - 12
    kept = adata[12:]
    assert table.loc["one", "auc"] == roc_auc_score(kept.obs["label"] == "invasive", kept.obs["spacrd_likelihood"])
    with pytest.warns(spacrd.SpacrdWarning, match=r"'undetermined' \(4 spots\), which count as not cancer.*`ignore`"):
        assert evaluate(adata, "label", positive="invasive").loc["one", "n_left_out"] == 8


def test_a_class_that_no_spot_has_is_named() -> None:
    adata = scored_adata()
    with pytest.warns(spacrd.SpacrdWarning, match=r"positive class 'invasve' does not.*Did you mean 'invasive'\?"):
        evaluate(adata, "label", positive=["invasive", "invasve"])
    with pytest.warns(spacrd.SpacrdWarning, match=r"ignore class 'Stroma' does not.*'stroma'. Did you mean"):
        evaluate(adata, "label", positive="invasive", ignore="Stroma")


def test_a_measurement_is_no_label() -> None:
    adata = scored_adata()
    adata.obs["share"] = np.linspace(0, 1, adata.n_obs)
    for call in (lambda: evaluate(adata, "share", positive=1), lambda: spacrd.metrics.severity(adata, "share")):
        with pytest.raises(ValueError, match=r"obs\['share'\] holds numbers such as"):
            call()


def test_numeric_labels_give_the_same_metrics() -> None:
    adata = scored_adata()
    expected = evaluate(adata, "label", positive="invasive")
    adata.obs["truth"] = (adata.obs["label"] == "invasive").astype(float)
    assert evaluate(adata, "truth", positive=1).equals(expected)
    assert evaluate(adata, "truth", positive="1.0").equals(expected)


def test_no_region_means_no_f1() -> None:
    adata = scored_adata()
    del adata.obs["spacrd_region"]
    row = evaluate(adata, "label", positive="invasive").loc["one"]
    assert np.isnan([row["f1"], row["precision"], row["recall"]]).all()
    assert row["auc"] > 0.9


def test_a_section_of_one_class_has_no_auc() -> None:
    adata = scored_adata(libraries=("a", "b"))
    adata.obs.loc[adata.obs["library"] == "b", "label"] = "stroma"
    with pytest.warns(UserWarning, match="all negative"):
        table = evaluate(adata, "label", positive="invasive")
    assert np.isnan(table.loc["b", "auc"])
    assert table.loc["mean", "auc"] == table.loc["a", "auc"]


def test_unknown_names_list_what_there_is() -> None:
    adata = scored_adata()
    with pytest.raises(KeyError, match=r"'mine'.*Available: 'spacrd'"):
        evaluate(adata, "label", positive="invasive", key="mine")
    with pytest.raises(KeyError, match=r"'lable'.*'label'"):
        evaluate(adata, "lable", positive="invasive")
    with pytest.raises(ValueError, match=r"'cancer' does not occur in obs\['label'\]. It has 'invasive', 'stroma'"):
        evaluate(adata, "label", positive="cancer")
    with pytest.raises(ValueError, match="both positive and ignored"):
        evaluate(adata, "label", positive="invasive", ignore="invasive")


def test_evaluate_leaves_the_data_alone() -> None:
    adata = scored_adata()
    before = adata.copy()
    evaluate(adata, "label", positive="invasive")
    assert adata.obs.equals(before.obs)
    assert adata.uns.keys() == before.uns.keys()
