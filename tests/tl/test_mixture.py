"""Where the mixture cuts: between groups of any size and spread, of few spots or very many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from spacrd.tl import _mixture
from spacrd.tl._mixture import MAX_SPOTS, MIN_SPOTS, mixture_cut


def groups(n: int, share: float, *, means=(-1.5, 1.5), sds=(0.5, 0.5), seed: int = 0) -> np.ndarray:
    """Likelihoods of two groups, in any order."""
    rng = np.random.default_rng(seed)
    high = np.arange(n) < share * n
    return expit(rng.permutation(np.where(high, rng.normal(means[1], sds[1], n), rng.normal(means[0], sds[0], n))))


def test_the_cut_is_where_the_weighted_densities_are_equal():
    cut = mixture_cut(groups(5000, 0.2, means=(-1.2, 1.3), sds=(0.7, 0.3)))
    assert cut.method == "gmm"
    np.testing.assert_allclose(cut.means, [-1.2, 1.3], atol=0.05)
    np.testing.assert_allclose(cut.sds, [0.7, 0.3], atol=0.05)
    np.testing.assert_allclose(cut.weights, [0.8, 0.2], atol=0.02)
    low, high = cut.weights * norm.pdf(logit(cut.threshold), cut.means, cut.sds)
    assert low == pytest.approx(high, rel=1e-6)
    assert abs(logit(cut.threshold) - cut.means.mean()) > 0.1  # which is not half way


@pytest.mark.parametrize("share", [0.015, 0.985])
def test_a_small_group_is_not_overlooked(share):
    likelihood = groups(2000, share, means=(-2.0, 2.0), sds=(0.8, 0.3) if share < 0.5 else (0.3, 0.8))
    cut = mixture_cut(likelihood)
    assert cut.weights[1] == pytest.approx(share, abs=0.01)


def test_of_very_many_spots_some_stand_for_all(monkeypatch):
    likelihood = groups(3 * MAX_SPOTS + 7, 0.3)
    some = mixture_cut(likelihood)
    monkeypatch.setattr(_mixture, "MAX_SPOTS", 10 * MAX_SPOTS)
    every = mixture_cut(likelihood)
    assert some.threshold == pytest.approx(every.threshold, abs=1e-3)
    np.testing.assert_allclose(some.weights, every.weights, atol=1e-3)
    assert some.threshold != every.threshold


def test_nobodys_random_numbers_are_drawn():
    likelihood = groups(500, 0.3)
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that is what must not be touched
    one = mixture_cut(likelihood)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    assert mixture_cut(likelihood).threshold == one.threshold


def test_groups_close_to_each_other_are_told_apart_and_equal_ones_are_not():
    near = mixture_cut(groups(400, 0.5, means=(-0.2, 0.2), sds=(0.02, 0.02)))
    assert near.method == "gmm" and near.threshold == pytest.approx(0.5, abs=0.01)
    equal = mixture_cut(np.full(100, 0.3))
    assert (equal.threshold, equal.method) == (0.5, "0.5 (all likelihoods are equal)")
    alike = mixture_cut(groups(400, 0.0))
    assert (alike.threshold, alike.method) == (0.5, "0.5 (one component explains the scores as well as two)")
    assert alike.means.size == alike.sds.size == alike.weights.size == 0


def test_how_few_spots_are_enough():
    likelihood = groups(MIN_SPOTS, 0.5, sds=(0.05, 0.05))
    assert mixture_cut(np.append(likelihood, np.nan)).method == "gmm"
    assert mixture_cut(likelihood[1:]).method == "0.5 (only 19 scored spots, a mixture needs 20)"
