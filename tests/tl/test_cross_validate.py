"""What a cross-validation returns, and that nothing of a held-out section reaches a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import spacrd
from spacrd.metrics import scores
from spacrd.tl._cv import _run as _cv_run
from tests.making.recipes import SHORT
from tests.making.sections import POSITIVE
from tests.making.validation import likelihoods, section, sections, validate

BASELINES = spacrd.rivals.BASELINES
LEARNED = [name for name in BASELINES if name != "depth"]
"""Those that labels can teach anything."""

# Of three sections one always lies outside the two others.


@pytest.fixture(scope="module")
def result():
    data = sections()
    data[1].obs["pathologist"] = data[1].obs["pathologist"].astype(object)
    data[1].obs.iloc[:4, data[1].obs.columns.get_loc("pathologist")] = np.nan
    data[1].obs.iloc[20:24, data[1].obs.columns.get_loc("pathologist")] = "undetermined"
    with pytest.warns(spacrd.SpacrdWarning, match=r"'undetermined' \(4 spots\), which count as not cancer"):
        return validate(data, seeds=(0, 3))


def test_every_model_seed_and_section_has_one_row(result):
    rows = {(m, s, x) for m, s, x in result.metrics[["model", "seed", "section"]].itertuples(index=False)}
    seeded = {"spacrd": (0, 3), "concatenation MLP": (0, 3)}
    wanted = {
        (model, seed, f"section_{i}")
        for model in ("spacrd", *BASELINES)
        for seed in seeded.get(model, (0,))
        for i in (1, 2, 3)
    }
    assert rows == wanted
    assert len(result.metrics) == len(wanted)
    assert len(result.likelihoods) == 49 * len(wanted)
    assert result.likelihoods["likelihood"].dtype == np.float32
    assert list(result.metrics.columns[:4]) == ["model", "seed", "section", "group"]


def test_metrics_are_those_of_the_likelihoods(result):
    assert (result.metrics.set_index("section").loc["section_2", "n"] == 45).all()
    for row in result.metrics.itertuples():
        spots = result.likelihoods.query("model == @row.model and seed == @row.seed and section == @row.section")
        spots = spots[spots["label"].notna()]
        called = spots["region"] == "cancer"
        if row.model in BASELINES:
            np.testing.assert_array_equal(called, spots["likelihood"] >= row.threshold)
        again = scores(spots["label"] == POSITIVE, spots["likelihood"], called)
        if not row.probability:  # then these say nothing
            again |= {"brier": np.nan, "ece": np.nan}
        for name, value in again.items():
            assert getattr(row, name) == pytest.approx(value, nan_ok=True), (row.model, name)


def test_evaluate_leaves_labels_out_afterwards(result):
    decided = result.evaluate(ignore="undetermined").set_index("section").loc["section_2"]
    assert (decided["n"] == 41).all()
    assert (decided["n_left_out"] == 8).all()
    pd.testing.assert_frame_equal(result.evaluate(), result.metrics)
    with pytest.raises(ValueError, match="positive and ignored"):
        result.evaluate(ignore=POSITIVE)


def test_summary_and_sections(result):
    summary, table = result.summary(), result.per_section("auc")
    assert summary["auc"].is_monotonic_decreasing
    assert list(table.index) == list(summary.index)
    assert list(table.columns) == ["section_1", "section_2", "section_3", "mean"]
    rows = result.metrics[result.metrics["model"] == "spacrd"]
    by_seed = rows.groupby("seed")["auc"].mean()
    assert summary.loc["spacrd", "auc"] == pytest.approx(by_seed.mean())
    assert summary.loc["spacrd", "auc_sd"] == pytest.approx(by_seed.std())
    assert summary.loc["spacrd", "auc_worst"] == pytest.approx(rows.groupby("section")["auc"].mean().min())
    assert np.isnan(summary.loc["logistic both", "auc_sd"])
    assert summary.loc["logistic both", "n_seeds"] == 1
    assert table.loc["spacrd", "section_3"] == pytest.approx(rows.loc[rows["section"] == "section_3", "auc"].mean())
    with pytest.raises(ValueError, match="metric='nothing' is not known"):
        result.per_section("nothing")
    assert "3 sections, 11 models, 2 seeds" in repr(result)
    assert "logistic neighbourhood genes" in repr(result)


def test_scores_that_are_no_probabilities_have_no_calibration(result):
    told = result.metrics.groupby("model")["probability"].first()
    assert not told[["depth", "svm-tuned", "late-fusion"]].any()
    assert told.drop(["depth", "svm-tuned", "late-fusion"]).all()
    assert result.metrics["brier"].isna().equals(~result.metrics["probability"])
    assert result.likelihoods["likelihood"].between(0, 1).all()


def test_the_baselines_learn(result):
    table = result.per_section("auc")
    assert (table.loc[LEARNED, "mean"] > 0.85).all(), table


def test_equals_fit_and_score_by_hand():
    data = sections()
    # More variable where it is held out: a choice of genes that saw it would take these.
    counts = data[2].X.toarray()
    counts[::2, 30:] *= 9
    data[2].X = csr_matrix(counts)
    data[2] = data[2][:, data[2].var_names[::-1][3:]].copy()
    result = validate(data, baselines=False, n_top_genes=12, seeds=(5,))
    with _cv_run._worker():
        model = spacrd.tl.fit(data[:2], "pathologist", positive=POSITIVE, recipe=SHORT, n_top_genes=12, seed=5)
        by_hand = spacrd.tl.score(data[2], model, copy=True)
    np.testing.assert_array_equal(likelihoods(result, "section_3"), by_hand.obs["spacrd_likelihood"])
    threshold = by_hand.uns["spacrd"]["spacrd"]["sections"]["section"]["threshold"]
    assert result.metrics.set_index("section").loc["section_3", "threshold"] == threshold


def test_labels_of_the_held_out_section_change_nothing():
    data, poisoned = sections(), sections()
    labels = poisoned[2].obs["pathologist"].to_numpy()
    poisoned[2].obs["pathologist"] = np.random.default_rng(0).permutation(labels)
    one, two = validate(data), validate(poisoned)
    pd.testing.assert_series_equal(likelihoods(one, "section_3"), likelihoods(two, "section_3"), check_exact=True)
    assert likelihoods(one, "section_1", "depth").equals(likelihoods(two, "section_1", "depth"))
    for model in ("spacrd", *LEARNED):  # and labels do matter where they are fitted on
        assert not likelihoods(one, "section_1", model).equals(likelihoods(two, "section_1", model))


@pytest.mark.filterwarnings("ignore:The (likelihoods are not calibrated|training sections contradict)")
@pytest.mark.filterwarnings("ignore:Section 'section_4' is unlike the training sections")
def test_nothing_of_a_held_out_section_reaches_what_is_fitted():
    data = [section(seed, patient=patient) for seed, patient in enumerate("abcc")]
    changed = [table.copy() for table in data]
    counts = changed[3].X.toarray()
    counts[:, :15] = np.random.default_rng(1).poisson(40, (49, 15))
    changed[3].X = csr_matrix(counts)
    changed[3] = changed[3][:, 5:].copy()
    changed[3].obsm["X_mine"] *= -3
    recipe = replace(SHORT, calibrated=True)
    baselines = ["logistic both", "logistic image", "gradient boosting"]
    options = {"n_top_genes": 12, "threshold": 0.5, "recipe": recipe, "baselines": baselines}
    one, two = (validate(tables, group_key="patient", **options) for tables in (data, changed))
    pd.testing.assert_series_equal(likelihoods(one, "section_3"), likelihoods(two, "section_3"), check_exact=True)
    for model in ("spacrd", *baselines):
        assert not likelihoods(one, "section_4", model).equals(likelihoods(two, "section_4", model))


def test_spatialdata_and_largest_distance():
    made = [
        spacrd.datasets.toy_visium(library_id=f"toy{i}", seed=i, n_rows=10, n_cols=10, n_genes=60, mpp=4)
        for i in range(2)
    ]
    options = {"modality": "expression", "max_distance": 120, "baselines": ["logistic neighbourhood genes"]}
    positive = [POSITIVE, "cancer in situ"]
    result = validate(made, positive=positive, **options)
    assert list(result.metrics["section"].unique()) == ["toy0", "toy1"]
    assert result.likelihoods["likelihood"].notna().all()
    options.pop("baselines")
    with _cv_run._worker():
        model = spacrd.tl.fit(made[0], "pathologist", positive=positive, recipe=SHORT, **options)
        with pytest.warns(spacrd.SpacrdWarning, match="fitted on one section"):
            by_hand = spacrd.tl.score(made[1], model, copy=True)["table"].obs["spacrd_likelihood"]
    np.testing.assert_array_equal(likelihoods(result, "toy1", "spacrd"), by_hand)
