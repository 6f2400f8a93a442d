"""Level, uncertainty, verdict and shift of a scored section."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import expit, logit

import spacrd
from spacrd.model._reference import Shift
from spacrd.tl._call import call_regions, call_section, verdict
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section


@pytest.fixture(scope="module")
def model():
    sections = [make_section(seed) for seed in range(4)]
    return spacrd.tl.fit(sections, "pathologist", positive=POSITIVE, recipe=small_recipe(members=1))


def report(table):
    return table.uns["spacrd"]["spacrd"]["sections"]["section"]


def test_a_section_without_tumour_is_told_so(model):
    target = make_section(9, n=180)
    healthy = target[target.obs["pathologist"] != POSITIVE].copy()
    spacrd.tl.score(target, model)
    with pytest.warns(spacrd.SpacrdWarning, match="lies outside"):
        spacrd.tl.score(healthy, model)
    assert report(target)["verdict"] == "tumour"
    assert report(healthy)["verdict"] == "no tumour"
    assert report(healthy)["expected_share"] < 0.2 < report(target)["expected_share"]
    assert (healthy.obs["spacrd_region"] == "cancer").mean() < 0.03


def test_uncertainty_is_half_an_interval_that_decides_the_region(model):
    target = make_section(9)
    spacrd.tl.score(target, model)
    likelihood, u = (target.obs[f"spacrd_{name}"].to_numpy(np.float64) for name in ("likelihood", "uncertainty"))
    assert ((u >= 0) & (u <= 0.5)).all()
    assert u.max() > 0
    threshold = report(target)["threshold"]
    sure = np.abs(likelihood - threshold) > 0.45
    assert (target.obs["spacrd_region"][sure] != "uncertain").all() or u[sure].max() > 0.2


def test_recut_finds_the_same_intervals(model):
    target = make_section(9)
    spacrd.tl.score(target, model)
    first = target.obs["spacrd_region"].copy()
    spacrd.tl.threshold(target)
    assert (target.obs["spacrd_region"] == first).mean() > 0.98


def test_stored_uncertainty_gives_its_interval_back():
    from spacrd._sections import ScoredSection

    centre, error = logit(np.array([0.02, 0.4, 0.5, 0.97])), np.array([0.3, 1.0, 2.0, 0.1])
    wanted = expit(centre[:, None] + np.array([-1, 1]) * error[:, None])
    stored = ScoredSection(None, expit(centre), np.diff(wanted, axis=1).ravel() / 2, None, {})
    np.testing.assert_allclose(stored.interval(), wanted, atol=1e-9)


def test_an_uncalibrated_model_has_no_uncertainty():
    with pytest.warns(UserWarning, match="not calibrated"):
        one = spacrd.tl.fit(make_section(1), "pathologist", positive=POSITIVE, recipe=small_recipe(members=1))
    target = make_section(3)
    spacrd.tl.score(target, one)
    assert target.obs["spacrd_uncertainty"].isna().all()
    assert set(target.obs["spacrd_region"]) <= {"normal", "cancer"}


def test_a_section_unlike_the_training_sections_is_warned_about(model):
    target = make_section(9)
    target.X = target.X * 50
    with pytest.warns(UserWarning, match="times beyond every training section"):
        spacrd.tl.score(target, model)
    assert report(target)["depth_ratio"] > 10
    other = make_section(9)
    counts = other.X.toarray()
    other.X = counts[:, ::-1] * np.linspace(0, 5, counts.shape[1]).round()
    with pytest.warns(UserWarning, match="mean expression is"):
        spacrd.tl.score(other, model)
    stained = make_section(9)
    stained.obsm["X_mine"] = stained.obsm["X_mine"] + 20
    with pytest.warns(UserWarning, match="mean patch embedding is"):
        spacrd.tl.score(stained, model)
    assert report(stained)["image_distance"] > 3


@pytest.mark.parametrize(
    ("distance", "said"), [(1.0, []), (1.004, ["slightly farther from any"]), (1.06, ["is 1.1 times as far"])]
)
def test_a_distance_just_beyond_the_usual_is_not_called_one_time_as_far(distance, said):
    complaints = Shift(expression_distance=distance).complaints()
    assert len(complaints) == len(said) and all(words in text for words, text in zip(said, complaints, strict=True))


def test_a_training_section_is_no_stranger(model):
    target = make_section(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spacrd.tl.score(target, model)
    said = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    assert len(said) == 1
    assert "fitted on" in said[0]
    assert report(target)["expression_distance"] == pytest.approx(0, abs=1e-3)
    assert report(target)["depth_ratio"] == 1.0


def test_verdicts_follow_likelihoods_and_intervals():
    low, high = np.full(95, 0.1), np.full(5, 0.9)
    p = np.concatenate([low, high])
    assert verdict(p) == "tumour"
    assert verdict(low) == "no tumour"
    wide = np.column_stack([p - 0.5, p + 0.1])
    assert verdict(p, wide) == "unclear"
    assert verdict(np.array([np.nan] * 50 + [0.9] * 2 + [0.1] * 48)) == "no tumour"


def test_no_mixture_is_forced_on_a_section_without_tumour():
    rng = np.random.default_rng(0)
    p = expit(np.concatenate([rng.normal(-5, 0.3, 200), rng.normal(-2, 0.3, 100)]))
    none, sure = np.full((300, 2), np.nan), np.full((300, 2), 0.6)
    assert call_section(p, sure, "gmm").threshold.threshold == 0.2
    call = call_section(p, none, "gmm")
    assert call.verdict == "no tumour" and call.threshold.threshold == 0.5
    assert "no tumour" in call.threshold.method
    assert call_section(p, none, 0.3).threshold.threshold == 0.3


def test_regions_are_uncertain_only_where_the_threshold_lies_inside():
    p = np.array([0.1, 0.45, 0.55, 0.9, np.nan])
    interval = np.array([[0.05, 0.2], [0.3, 0.6], [0.52, 0.6], [0.4, 0.95], [np.nan, np.nan]])
    called = call_regions(p, 0.5, interval)
    assert list(called[:4]) == ["normal", "uncertain", "cancer", "uncertain"]
    assert np.isnan(called[4])
