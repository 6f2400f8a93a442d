from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from spacrd.model import Calibration
from spacrd.model._calibration import MAX_LOGIT


def test_uncalibrated_logits_are_the_mean_of_the_votes_that_count():
    votes = np.array([[1.0, 3.0], [2.0, 5.0], [4.0, 9.0]])
    counted = np.array([[True, True], [True, False], [False, False]])
    np.testing.assert_allclose(Calibration().apply(votes, counted, 0.9), [2.0, 2.0, 0.0])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_mean_likelihood_is_the_expected_share(share):
    votes = np.random.default_rng(0).normal(size=(500, 2)) * [1.0, 5.0] + [7.0, -30.0]
    calibration = Calibration(slope=2.0, scales=(1.0, 0.2), n_sections=3)
    logit = calibration.apply(votes, np.ones((500, 2), bool), share)
    assert expit(logit).mean() == pytest.approx(share, abs=0.01)
    assert np.abs(logit).max() < MAX_LOGIT


def test_votes_weigh_the_same_wherever_they_lie():
    rng = np.random.default_rng(0)
    votes, counted = rng.normal(size=(200, 2)), np.ones((200, 2), bool)
    plain = Calibration(slope=2.0, scales=(1.0, 1.0), n_sections=3)
    moved = Calibration(slope=2.0, scales=(1.0, 0.1), n_sections=3)
    np.testing.assert_allclose(
        moved.apply(votes * [1, 10] + [0, 50], counted, 0.4), plain.apply(votes, counted, 0.4), atol=1e-9
    )


def test_no_vote_outweighs_the_others_in_a_section_where_it_spreads_more_than_usual():
    rng = np.random.default_rng(0)
    votes, counted = rng.normal(size=(300, 2)), np.ones((300, 2), bool)
    calibration = Calibration(slope=2.0, scales=(1.0, 1.0), n_sections=3)
    loud = calibration.contrast(votes * [1, 3], counted)
    even = calibration.contrast(votes / votes.std(axis=0), counted)
    np.testing.assert_allclose(loud / loud.std(), even / even.std(), rtol=1e-9)
    # The section stays as far from a section of one tissue as its votes say on average.
    np.testing.assert_allclose(calibration.weights(votes * [1, 3], counted) * [1, 3] * votes.std(axis=0), 2.0, rtol=0.1)


def test_a_vote_that_is_the_same_everywhere_moves_nothing():
    votes, counted = np.random.default_rng(0).normal(size=(300, 2)) * [1, 0] + [0, 0.1], np.ones((300, 2), bool)
    calibration = Calibration(slope=2.0, scales=(1.0, 1.0), n_sections=3)
    np.testing.assert_allclose(calibration.contrast(votes, counted), (votes[:, 0] - votes[:, 0].mean()) / 2)
    np.testing.assert_allclose(calibration.weights(votes[:, 1:], counted[:, 1:]), 1.0)


def test_extreme_and_unknown_shares_stay_finite():
    votes, counted = np.random.default_rng(0).normal(size=(50, 1)), np.ones((50, 1), bool)
    calibration = Calibration(slope=2.0, scales=(1.0,), n_sections=3)
    for share, wanted in ((0.0, 0.02), (1.0, 0.98), (np.nan, 0.5)):
        assert expit(calibration.apply(votes, counted, share)).mean() == pytest.approx(wanted, abs=0.005)
    nothing = calibration.apply(votes, np.zeros((50, 1), bool), 0.3)
    assert np.isfinite(nothing).all()


def test_votes_weigh_by_the_spots_where_they_count():
    rng = np.random.default_rng(1)
    votes, counted = rng.normal(size=(300, 2)), np.ones((300, 2), bool)
    counted[100:, 1] = False
    calibration = Calibration(slope=2.0, scales=(1.0, 1.0), n_sections=3)
    spread = [votes[:, 0].std(), votes[:100, 1].std()]
    np.testing.assert_allclose(calibration.weights(votes, counted), np.mean(spread) / spread)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_vote_is_the_same_everywhere_in_units_of_its_usual_spread(scale):
    rng = np.random.default_rng(2)
    calibration = Calibration(slope=2.0, scales=(1.0, scale), n_sections=3)
    counted = np.ones((200, 2), bool)
    for small, moves in ((1e-5, True), (1e-7, False)):  # of what is usual
        votes = rng.normal(size=(200, 2)) * [1.0, small / scale]
        weights = calibration.weights(votes, counted)
        assert (weights[1] == scale) != moves


def test_spots_without_votes_do_not_share_in_the_expected_share():
    votes = np.random.default_rng(0).normal(size=(500, 1)) + 5
    counted = np.arange(500)[:, None] < 250
    found = Calibration(slope=2.0, scales=(1.0,), n_sections=3).apply(votes, counted, 0.3)
    assert expit(found[:250]).mean() == pytest.approx(0.3, abs=0.01)
    nothing = Calibration(slope=2.0, scales=(1.0,), n_sections=3).apply(votes, counted & False, 0.3)
    np.testing.assert_array_equal(nothing, 0.0)


def test_a_steep_slope_still_meets_the_share():
    votes = np.random.default_rng(0).normal(size=(500, 1))
    found = Calibration(slope=80.0, scales=(1.0,), n_sections=3).apply(votes, np.ones((500, 1), bool), 0.98)
    assert (found > 0).mean() == pytest.approx(0.98, abs=0.01)
