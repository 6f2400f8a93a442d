from __future__ import annotations

import numpy as np
import pytest

import spacrd
from spacrd.tl._call import call_regions
from spacrd.tl._mixture import mixture_cut


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_cut_lies_where_two_known_gaussians_cross():
    rng = np.random.default_rng(0)
    logit = np.concatenate([rng.normal(-2, 1, 4000), rng.normal(3, 1, 4000)])
    cut = mixture_cut(sigmoid(logit))
    assert cut.method == "gmm"
    assert np.log(cut.threshold / (1 - cut.threshold)) == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(cut.means, [-2, 3], atol=0.15)
    np.testing.assert_allclose(cut.weights, [0.5, 0.5], atol=0.05)


def test_unequal_weights_move_the_cut():
    rng = np.random.default_rng(0)
    few = mixture_cut(sigmoid(np.concatenate([rng.normal(-2, 1, 5000), rng.normal(3, 1, 200)])))
    many = mixture_cut(sigmoid(np.concatenate([rng.normal(-3, 1, 200), rng.normal(2, 1, 5000)])))
    assert few.threshold > 0.5 > many.threshold


def test_one_component_is_not_cut_in_two():
    cut = mixture_cut(sigmoid(np.random.default_rng(0).normal(-3, 1, 500)))
    assert cut.threshold == 0.5
    assert "one component" in cut.method
    assert cut.means.size == 0


def test_no_crossing_between_the_means_is_the_midpoint():
    rng = np.random.default_rng(1)
    # A small broad group beside a large one: at its own mean the large one is still the denser.
    logit = np.concatenate([rng.normal(-1, 1, 5000), rng.normal(-0.2, 3, 400)])
    cut = mixture_cut(sigmoid(logit))
    assert "midpoint" in cut.method
    middle = sigmoid(cut.means.mean())
    assert cut.threshold == pytest.approx(middle)


@pytest.mark.parametrize("values", [[], [0.3] * 5, [np.nan] * 50, [0.7] * 50, [0.0] * 30 + [1.0] * 30])
def test_degenerate_scores_give_a_documented_cut(values):
    cut = mixture_cut(np.array(values))
    assert 0 < cut.threshold < 1
    assert cut.method


@pytest.mark.parametrize(("shift", "held"), [(-5, 0.2), (5, 0.8)])
def test_two_groups_on_one_side_are_not_normal_and_cancer(shift, held):
    rng = np.random.default_rng(0)
    logit = np.concatenate([rng.normal(-1.5, 0.5, 2000), rng.normal(1.5, 0.5, 2000)]) + shift
    cut = mixture_cut(sigmoid(logit))
    assert cut.threshold == held
    assert f"held at {held} (the mixture cuts at" in cut.method


def test_spots_without_a_likelihood_get_no_region():
    called = call_regions(np.array([0.2, 0.8, np.nan]), 0.5)
    assert called[:2].tolist() == ["normal", "cancer"]
    assert np.isnan(called[2])


def test_recut_without_the_model(both_model, target):
    spacrd.tl.score(target, both_model)
    first = target.obs["spacrd_region"].copy()
    high = float(target.obs["spacrd_likelihood"][first == "cancer"].median())
    spacrd.tl.threshold(target, method=high)
    assert (target.obs["spacrd_region"] == "cancer").sum() < (first == "cancer").sum()
    section = target.uns["spacrd"]["spacrd"]["sections"]["section"]
    assert section["threshold"] == high
    assert section["threshold_method"] == "given"
    assert section["modality"] == "image+expression"
    spacrd.tl.threshold(target)
    assert target.obs["spacrd_region"].equals(first)


@pytest.mark.parametrize(
    ("method", "error"), [("otsu", ValueError), (1.5, ValueError), (None, TypeError), (True, TypeError)]
)
def test_unknown_thresholds_are_refused(both_model, target, method, error):
    with pytest.raises(error, match="0 and 1"):
        spacrd.tl.score(target, both_model, threshold=method)
    assert "spacrd_likelihood" not in target.obs


def test_unscored_data_are_told_to_score_first(target):
    with pytest.raises(KeyError, match=r"spacrd\.tl\.score"):
        spacrd.tl.threshold(target)
