from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacrd.metrics import expected_calibration_error, scores


def test_metrics_are_those_counted_by_hand() -> None:
    result = scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [False, True, False, True])
    assert result["n"] == 4
    assert result["n_positive"] == 2
    assert result["prevalence"] == 0.5
    assert result["auc"] == 0.75
    assert result["ap"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert result["ks"] == 0.5
    assert (result["precision"], result["recall"], result["f1"]) == (0.5, 0.5, 0.5)
    assert result["brier"] == pytest.approx((0.01 + 0.16 + 0.65**2 + 0.04) / 4)


def test_calibration_error_by_hand() -> None:
    # Bin [.2, .3): mean .25, frequency 1/2; last bin holds 1.0: frequency 1.
    assert expected_calibration_error([0, 1, 1], [0.25, 0.25, 1.0]) == pytest.approx(2 / 3 * 0.25)
    assert np.isnan(expected_calibration_error([], []))


def test_calibrated_likelihoods_have_no_error() -> None:
    p = np.repeat([0.05, 0.55, 0.95], 1000)
    y = np.concatenate([np.arange(1000) < 1000 * q for q in (0.05, 0.55, 0.95)])
    assert expected_calibration_error(y, p) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(y, 1 - p) > 0.3


@pytest.mark.parametrize(("y", "found"), [([1, 1], "all positive"), ([0, 0], "all negative"), ([], "no labelled spot")])
def test_one_class_is_nan_with_a_warning(y: list[int], found: str) -> None:
    with pytest.warns(UserWarning, match=found):
        result = scores(y, [0.5] * len(y), [True] * len(y))
    assert np.isnan([result["auc"], result["ap"], result["ks"]]).all()


def test_metrics_where_nothing_is_called() -> None:
    result = scores([0, 1], [0.1, 0.2], [False, False])
    assert np.isnan(result["precision"])
    assert (result["recall"], result["f1"]) == (0, 0)
    assert np.isnan(scores([0, 1], [0.1, 0.2])["f1"])


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [0.5], "same length"),
        ([0, 2], [0.5, 0.5], "0 or 1"),
        ([0, 1], [0.5, 1.5], "1.5"),
        ([0, 1], [0.5, np.nan], "between 0 and 1"),
    ],
)
def test_arrays_that_are_no_labels_or_likelihoods_are_refused(y: list[int], p: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores(y, p)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40))
def test_bounds_and_symmetry(spots: list[tuple[bool, float]]) -> None:
    y, p = np.array([s[0] for s in spots]), np.array([s[1] for s in spots])
    if y.all() or not y.any():
        return
    result = scores(y, p, p >= 0.5)
    for name in ("auc", "ap", "ks", "brier", "ece", "recall"):
        assert -1e-9 <= result[name] <= 1 + 1e-9
    assert scores(~y, p)["auc"] == pytest.approx(1 - result["auc"])
