from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spacrd import pl
from spacrd.tl import CrossValidation
from spacrd.tl._cv._result import metrics_table
from tests.making.results import cross_validation


def area(ax: plt.Axes, number: int) -> float:
    return float(np.trapezoid(ax.lines[number].get_ydata(), ax.lines[number].get_xdata()))


def test_areas_under_the_curves_are_the_metrics() -> None:
    result = cross_validation()
    roc, precision, *_ = pl.evaluation(result)
    summary = result.summary()
    for number, model in enumerate(summary.index):
        assert area(roc, number) == pytest.approx(summary.loc[model, "auc"], abs=0.003)
        assert area(precision, number) == pytest.approx(summary.loc[model, "ap"], abs=0.003)


def test_calibration_shows_the_error_of_all_spots() -> None:
    from spacrd.metrics import expected_calibration_error

    result = cross_validation()
    ax = pl.evaluation(result, models=["spacrd"])[2]
    spots = result.likelihoods.query("model == 'spacrd' and label != 'undetermined'")
    x, y = ax.lines[0].get_data()
    sizes = np.histogram(spots["likelihood"], bins=10, range=(0, 1))[0]
    expected = expected_calibration_error(spots["label"] == "invasive", spots["likelihood"])
    assert np.average(np.abs(x - y), weights=sizes[sizes > 0]) == pytest.approx(expected)


def test_the_table_keeps_the_order_and_is_saved(tmp_path: Path) -> None:
    result = cross_validation()
    axes = pl.evaluation(result, models=["coin", "spacrd"], metric="ap", save=tmp_path / "e.png")
    assert len(axes) == 5
    shown = [float(text.get_text()) for text in axes[4].texts]
    np.testing.assert_allclose(shown, result.per_section("ap").loc[["coin", "spacrd"]].to_numpy().ravel(), atol=0.005)
    assert [text.get_text() for text in axes[4].get_xticklabels()] == ["a", "b", "mean"]
    assert [text.get_text() for text in axes[0].figure.legends[0].get_texts()] == ["coin", "spacrd"]
    assert (tmp_path / "e.png").stat().st_size > 10_000


def test_risk_is_the_error_of_the_surest_spots() -> None:
    result = cross_validation(n=2000)
    risk = pl.evaluation(result, models=["spacrd", "coin"])[3]
    coverage, error = risk.lines[0].get_data()
    runs = []
    known = result.likelihoods.query("model == 'spacrd' and label != 'undetermined'")
    for _, spots in known.groupby("section"):
        wrong = (spots["likelihood"] >= 0.5) != (spots["label"] == "invasive")
        sure = spots["likelihood"].sub(0.5).abs().sort_values(ascending=False).index
        runs.append([wrong[sure[: round(share * len(sure))]].mean() for share in (0.25, 0.5, 1.0)])
    np.testing.assert_allclose(np.interp([0.25, 0.5, 1.0], coverage, error), np.mean(runs, axis=0), atol=0.003)
    assert error[-1] > 2 * error[len(error) // 2]
    assert risk.lines[1].get_ydata()[-1] == pytest.approx(0.5, abs=0.05)  # the surest guesses are guesses


def test_many_models_differ_in_colour_or_dashes_on_dark_too() -> None:
    with plt.style.context("dark_background"):
        ax = pl.evaluation(cross_validation(tuple(f"m{i}" for i in range(8)), n=50))[0]
        looks = {(line.get_color(), str(line._dash_pattern)) for line in ax.lines[:8]}
        assert len(looks) == 8
        assert "#000000" not in {line.get_color() for line in ax.lines}


def test_own_axes_and_a_section_of_one_class() -> None:
    result = cross_validation()
    spots = result.likelihoods.copy()
    spots.loc[spots["section"] == "b", "label"] = "stroma"
    with pytest.warns(UserWarning, match="both classes"):
        metrics = metrics_table(spots, result.metrics, ("invasive",), None, ())
    given = plt.subplots(2, 3)[1].ravel()[:5]
    axes = pl.evaluation(CrossValidation(metrics, spots, ("invasive",), None, ()), ax=given)
    assert axes[0] is given[0]
    assert "-" in [text.get_text() for text in axes[4].texts]


def test_unknown_models_and_metrics_are_refused() -> None:
    result = cross_validation()
    with pytest.raises(KeyError, match=r"no model 'coins'.*Did you mean 'coin'"):
        pl.evaluation(result, models=["coins"])
    with pytest.raises(ValueError, match="metric='mcc'"):
        pl.evaluation(result, metric="mcc")
    with pytest.raises(ValueError, match="at least one"):
        pl.evaluation(result, models=[])
    with pytest.raises(TypeError, match="cross_validate"):
        pl.evaluation(result.metrics)
