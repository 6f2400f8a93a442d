"""The share of cancer in a section as a distribution, and the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from spacrd.model import Level, Presence, presence_statistic
from spacrd.model._level import offset_to, share_of_two_groups


@pytest.mark.parametrize("share", [0.02, 0.3, 0.98])
@pytest.mark.parametrize("slope", [0.5, 80.0])
def test_logits_are_moved_to_the_share(share, slope):
    contrast = slope * np.random.default_rng(0).normal(size=500)
    contrast[::7] = np.nan
    offset = offset_to(contrast, share)
    assert np.nanmean(expit(contrast + offset)) == pytest.approx(share, abs=1e-6)


def test_scenarios_cover_the_level_evenly():
    level = Level(0.4)
    shares = level.shares()
    assert len(shares) == 15 and np.median(shares) == pytest.approx(0.4)
    low, high = level.interval
    assert ((shares > low) & (shares < high)).mean() == pytest.approx(0.8, abs=0.07)
    contrast = np.random.default_rng(0).normal(size=200)
    np.testing.assert_allclose(expit(level.scenarios(contrast)).mean(axis=0), shares, atol=1e-6)


def test_a_level_is_the_median_in_logits_of_what_is_known():
    assert Level.of([0.1, 0.5, np.nan]).share == pytest.approx(float(expit((logit(0.1) + 0.0) / 2)))
    assert Level.of([0.0, 0.0, 0.9]).share == pytest.approx(0.02)
    assert np.isnan(Level.of([np.nan]).share)


def test_many_spots_are_sampled_without_changing_the_share():
    contrast = np.random.default_rng(0).normal(size=70_000) * 3
    assert expit(contrast + offset_to(contrast, 0.3)).mean() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_two_groups_are_found_whatever_the_order_of_the_spots(share):
    rng = np.random.default_rng(0)
    cancer = rng.random(400) < share
    latent = rng.normal(size=(400, 6)) + 8 * cancer[:, None] * [1, 0, 0, 0, 0, 0]
    contrast = cancer + rng.normal(size=400)
    found = share_of_two_groups(latent, contrast)
    assert found == pytest.approx(cancer.mean(), abs=0.01)
    order = rng.permutation(400)
    assert share_of_two_groups(latent[order], contrast[order]) == found
    assert np.isnan(share_of_two_groups(latent[:10], contrast[:10]))


def test_verdicts_need_two_statistics_to_rule_a_tumour_out():
    presence = Presence.of([1.0, 1.2, 0.8, 1.1], [6.0, 6.2, 5.8, 6.1])
    assert presence.judge(6.0, 0.3) == "tumour"
    assert presence.judge(1.0, 0.05) == "no tumour"
    assert presence.judge(1.0, 0.6) == "unclear"
    assert presence.judge(np.nan, 0.05) == "unclear"


def test_bounds_widen_with_fewer_sections_and_need_two():
    few, many = (Presence.of(values, [9.0, 9.5]) for values in ([1.0, 2.0], [1.0, 2.0] * 4))
    assert few.tumour_above > many.tumour_above
    assert Presence.of([1.0], [9.0, 9.5]) is None
    assert Presence.of([1.0, np.nan], [9.0, 9.5]) is None


def test_the_statistic_sees_two_percent_of_the_spots():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=500)
    small = normal.copy()
    small[:12] += 10
    assert presence_statistic(small) > presence_statistic(normal) + 5
    assert presence_statistic(normal + 7) == pytest.approx(presence_statistic(normal))
    assert np.isnan(presence_statistic(normal[:10]))


def test_spots_that_are_all_the_same_are_no_two_groups(recwarn):
    assert np.isnan(share_of_two_groups(np.full((30, 3), 0.1), np.zeros(30)))
    assert not recwarn.list
