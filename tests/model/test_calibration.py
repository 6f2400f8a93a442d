from __future__ import annotations

import numpy as np
import pytest

from spacrd.model import Calibration
from spacrd.model._calibration import MAX_LOGIT, bounded


def test_uncalibrated_logits_are_the_mean_of_the_votes_that_count():
    votes = np.array([[1.0, 3.0], [2.0, 5.0], [4.0, 9.0]])
    counted = np.array([[True, True], [True, False], [False, False]])
    np.testing.assert_allclose(Calibration().apply(votes, counted), [2.0, 2.0, 0.0])


def test_votes_weigh_the_same_wherever_they_lie():
    rng = np.random.default_rng(0)
    votes, counted = rng.normal(size=(200, 2)), np.ones((200, 2), bool)
    plain = Calibration(slope=2.0, scales=(1.0, 1.0), n_sections=3)
    moved = Calibration(slope=2.0, scales=(1.0, 0.1), n_sections=3)
    np.testing.assert_allclose(moved.apply(votes * [1, 10] + [0, 50], counted), plain.apply(votes, counted), atol=1e-9)


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


def test_calibrated_logits_are_the_contrast_times_the_slope():
    votes, counted = np.random.default_rng(0).normal(size=(50, 1)), np.ones((50, 1), bool)
    calibration = Calibration(slope=2.0, scales=(1.0,), n_sections=3)
    np.testing.assert_allclose(calibration.apply(votes, counted), 2.0 * calibration.contrast(votes, counted))
    np.testing.assert_array_equal(calibration.apply(votes, counted & False), 0.0)


def test_bounded_logits_stay_within_the_bound_and_in_order():
    logit = np.array([-500.0, -8.0, -0.1, 0.0, 0.1, 8.0, 500.0])
    found = bounded(logit)
    assert np.abs(found).max() <= MAX_LOGIT and (np.diff(found) >= 0).all()
    np.testing.assert_allclose(found[2:5], logit[2:5], atol=1e-4)
