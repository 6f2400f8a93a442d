"""Metrics of calls and their certainty, and what the model says of a section."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from spacrd.datasets import toy_visium

CANCER = "invasive cancer"


def test_errors_of_certain_and_uncertain_spots():
    y = np.array([1, 1, 1, 0, 0, 0])
    called = np.array([1, 1, 0, 1, 0, 0], bool)
    uncertain = np.array([0, 1, 1, 1, 0, 0], bool)
    found = spacrd.metrics.scores(y, np.linspace(1, 0, 6), called, uncertain=uncertain)
    assert found["called"] == pytest.approx(1 / 6) and found["uncertain"] == 0.5
    assert found["error_uncertain"] == pytest.approx(2 / 3) and found["error_certain"] == 0
    assert found["f1"] == pytest.approx(4 / 6)
    assert found["f1_certain"] == pytest.approx(2 / 4)  # one of three is found, and nothing else is called


def test_without_uncertain_spots_both_f1_are_one():
    found = spacrd.metrics.scores([1, 0, 1], [0.9, 0.2, 0.4], [True, False, False])
    assert found["f1"] == found["f1_certain"] and found["uncertain"] == 0 and np.isnan(found["error_uncertain"])
    everything = spacrd.metrics.scores([1, 0], [0.9, 0.2], [True, False], uncertain=[True, True])
    assert np.isnan(everything["error_certain"]) and everything["error_uncertain"] == 0


def test_without_calls_they_are_missing():
    found = spacrd.metrics.scores([1, 0, 1], [0.9, 0.2, 0.4])
    assert all(np.isnan(found[name]) for name in ("called", "uncertain", "f1_certain", "error_certain"))
    with pytest.raises(ValueError, match="uncertain .* must have the same length"):
        spacrd.metrics.scores([1, 0], [0.9, 0.2], [True, False], uncertain=[True])


def test_the_table_has_what_the_model_says():
    toys = [toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=seed)["table"] for seed in range(3)]
    model = spacrd.tl.fit(toys[:2], "pathologist", positive=CANCER, modality="expression")
    spacrd.tl.score(toys[2], model)
    (report,) = toys[2].uns["spacrd"]["spacrd"]["sections"].values()
    row = spacrd.metrics.evaluate(toys[2], "pathologist", positive=CANCER).iloc[0]
    for name in ("expected_share", "share_low", "share_high", "verdict", "shift"):
        assert row[name] == report[name], name
    assert row["called"] == pytest.approx((toys[2].obs["spacrd_region"] == "cancer").mean())
    assert row["uncertain"] == pytest.approx((toys[2].obs["spacrd_region"] == "uncertain").mean())


def test_cross_validation_has_it_too(tmp_path):
    toys = [toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=seed)["table"] for seed in range(3)]
    options = {"positive": CANCER, "modality": "expression", "baselines": ["depth"], "resume": tmp_path / "cv"}
    first = spacrd.tl.cross_validate(toys, "pathologist", **options).metrics
    row = first[first["model"] == "spacrd"].iloc[0]
    assert 0 < row["share_low"] < row["expected_share"] < row["share_high"] < 1
    assert row["verdict"] in ("tumour", "unclear", "no tumour") and not row["shift"]
    assert 0 <= row["uncertain"] <= 0.2 and np.isfinite(row["f1_certain"])
    baseline = first[first["model"] == "depth"].iloc[0]
    assert np.isnan(baseline["expected_share"]) and baseline["verdict"] == "" and not baseline["shift"]
    again = spacrd.tl.cross_validate(toys, "pathologist", **options).metrics
    assert first.drop(columns="model").equals(again.drop(columns="model"))


@pytest.mark.parametrize("wrong", [["cancer", "normal"], [0.1, 0.9], [-1, 2], [np.nan, 1]])
@pytest.mark.parametrize("argument", ["called", "uncertain"])
def test_flags_are_true_or_false(wrong, argument):
    options = {"called": [True, False], argument: wrong}
    with pytest.raises(ValueError, match=f"{argument} must be booleans, or 0 and 1"):
        spacrd.metrics.scores([1, 0], [0.9, 0.2], **options)
