"""Level, uncertainty, verdict and shift of a scored section."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import spacrd
from spacrd.model import Level
from spacrd.tl._call import call_regions, call_section
from spacrd.tl._cut import expected_f1_cut, flips, uncertain_spots
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section


@pytest.fixture(scope="module")
def model():
    sections = [make_section(seed) for seed in range(4)]
    return spacrd.tl.fit(sections, "pathologist", positive=POSITIVE, recipe=small_recipe(members=1))


def report(table):
    return table.uns["spacrd"]["spacrd"]["sections"]["section"]


def test_uncertain_spots_are_a_fifth_at_most_and_near_the_cut(model):
    target = make_section(9)
    spacrd.tl.score(target, model)
    likelihood, u = (target.obs[f"spacrd_{name}"].to_numpy(np.float64) for name in ("likelihood", "uncertainty"))
    assert ((u >= 0) & (u <= 0.5)).all()
    assert u.max() > 0
    uncertain = (target.obs["spacrd_region"] == "uncertain").to_numpy()
    assert 0 < uncertain.mean() <= 0.2
    distance = np.abs(likelihood - report(target)["threshold"])
    assert distance[uncertain].mean() < distance[~uncertain].mean()


def test_recut_calls_the_same(model):
    target = make_section(9)
    spacrd.tl.score(target, model)
    first = target.obs["spacrd_region"].copy()
    spacrd.tl.threshold(target)
    assert target.obs["spacrd_region"].equals(first)


def test_a_model_of_one_section_claims_neither_level_nor_verdict():
    with pytest.warns(UserWarning, match="not calibrated"):
        one = spacrd.tl.fit(make_section(1), "pathologist", positive=POSITIVE, recipe=small_recipe(members=1))
    target = make_section(3)
    with pytest.warns(spacrd.SpacrdWarning, match="fitted on one section") as caught:
        spacrd.tl.score([target, make_section(5)], one)
    assert sum(one.category is spacrd.SpacrdWarning for one in caught) == 1
    found = report(target)
    assert np.isnan([found[name] for name in ("level", "share_low", "share_high", "expected_share")]).all()
    assert found["verdict"] == "unclear" and "no bounds" in found["verdict_reason"]
    assert target.uns["spacrd"]["spacrd"]["verdict_rates"] == ""
    assert target.obs["spacrd_uncertainty"].isna().all()
    assert set(target.obs["spacrd_region"]) <= {"normal", "cancer"}


def test_a_training_section_is_no_stranger(model):
    target = make_section(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spacrd.tl.score(target, model)
    said = [str(warning.message) for warning in caught if issubclass(warning.category, spacrd.SpacrdWarning)]
    assert len(said) == 1
    assert "fitted on" in said[0]
    assert report(target)["expression_distance"] == pytest.approx(0, abs=1e-2)
    assert report(target)["depth_ratio"] == 1.0


def likelihoods(n=400, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) < share * n
    return truth, 1 / (1 + np.exp(-(rng.normal(size=n) + np.where(truth, 1.5, -1.5))))


def test_the_cut_is_near_that_of_the_best_f1():
    truth, p = likelihoods(n=4000)
    cut = expected_f1_cut(p, Level(0.3)).threshold
    f1 = {t: 2 * (truth & (p >= t)).sum() / (truth.sum() + (p >= t).sum()) for t in (*np.linspace(0.05, 0.95, 50), cut)}
    assert f1[cut] > max(f1.values()) - 0.03


def test_the_cut_follows_the_level_and_stays_within_its_bounds():
    _, p = likelihoods()
    called = [(p >= expected_f1_cut(p, Level(share)).threshold).mean() for share in (0.05, 0.3, 0.8)]
    assert called == sorted(called) and called[0] < called[-1]
    assert called[0] <= 0.12 and called[-1] >= 0.61  # one standard deviation to either side, in logits


def test_flips_count_the_scenarios_that_call_otherwise():
    _, p = likelihoods()
    level = Level(0.3)
    cut = expected_f1_cut(p, level).threshold
    found = flips(p, level, cut)
    assert found[np.argmax(p)] == found[np.argmin(p)] == 0
    assert found[np.argmin(np.abs(p - cut))] > 0.25
    assert np.isnan(flips(np.append(p, np.nan), level, cut)[-1])
    assert uncertain_spots(p, level, cut).mean() <= 0.2


def test_a_section_without_tumour_has_no_called_spot():
    _, p = likelihoods()
    call = call_section(p, Level(0.3), "no tumour", "expected_f1")
    assert set(call.region) == {"normal"}
    assert "no tumour" in call.threshold.method
    assert call_section(p, Level(0.3), "no tumour", 0.3).threshold.threshold == 0.3


def test_without_a_level_the_mixture_cuts_and_nothing_is_uncertain():
    _, p = likelihoods()
    call = call_section(p, Level(), "unclear", "expected_f1")
    assert call.threshold.method.startswith("gmm")
    assert set(call.region) == {"normal", "cancer"}
    assert np.isnan(call_regions(np.array([0.2, np.nan]), 0.5, Level(0.3))[1])


@pytest.mark.parametrize("method", ["expected_f1", "gmm", "otsu"])
def test_every_method_cuts_few_spots(method):
    for p in (np.empty(0), np.array([0.4]), np.full(30, 0.4), np.array([np.nan, 0.2, 0.9])):
        found = call_section(p, Level(0.3), "unclear", method)
        assert 0 < found.threshold.threshold < 1 and len(found.region) == len(p)


def test_a_share_that_the_user_knows_sets_the_level(model):
    found = {}
    for share in (0.1, 0.6):
        target = make_section(9)
        spacrd.tl.score(target, model, expected_share=share)
        found[share] = (target.obs["spacrd_likelihood"] >= report(target)["threshold"]).mean()
        assert report(target)["level"] == share
        assert report(target)["expected_share"] == pytest.approx(share, abs=0.05)
        spacrd.tl.threshold(target)  # the level is kept
        assert (target.obs["spacrd_likelihood"] >= report(target)["threshold"]).mean() == found[share]
    assert found[0.1] < 0.2 < 0.45 < found[0.6]


@pytest.mark.parametrize(("share", "error"), [(0.0, ValueError), (1, ValueError), ("a", TypeError), (True, TypeError)])
def test_shares_that_are_none_are_refused_before_the_work(model, share, error):
    target = make_section(9)
    with pytest.raises(error, match="expected_share"):
        spacrd.tl.score(target, model, expected_share=share)
    assert "spacrd_likelihood" not in target.obs
