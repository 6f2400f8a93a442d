from __future__ import annotations

import numpy as np
import pytest

import spacrd
from tests.making.scored import scored_adata


@pytest.fixture
def scored():
    data = scored_adata(libraries=("one", "two"))
    p = data.obs["spacrd_likelihood"].to_numpy()
    data.obs["class"] = np.where(p > 0.8, "invasive", np.where(p > 0.3, "in situ", "normal"))
    return data


def test_one_row_per_section_and_class_in_the_order_asked_for(scored):
    table = spacrd.metrics.severity(scored, "class", order=["normal", "in situ", "invasive"])
    assert list(table.loc["one"].index) == ["normal", "in situ", "invasive"]
    assert table.loc["one", "n"].sum() == 120
    own = scored.obs[(scored.obs["library"] == "two") & (scored.obs["class"] == "in situ")]
    row = table.loc[("two", "in situ")]
    assert row["mean"] == pytest.approx(own["spacrd_likelihood"].mean(), abs=1e-6)
    assert row["called"] == pytest.approx((own["spacrd_region"] == "cancer").mean())
    assert np.isnan(table.loc[("one", "normal"), "above"])
    assert table.loc[("one", "invasive"), "above"] == 1.0


def test_classes_come_in_the_order_of_their_means(scored):
    table = spacrd.metrics.severity(scored, "class")
    assert table.loc["two", "mean"].is_monotonic_increasing


def test_unlabelled_and_unscored_spots_are_left_out(scored):
    scored.obs.loc[scored.obs_names[:30], "class"] = np.nan
    scored.obs.loc[scored.obs_names[30:40], "spacrd_likelihood"] = np.nan
    assert spacrd.metrics.severity(scored, "class").loc["one", "n"].sum() == 80


def test_errors_name_what_there_is(scored):
    with pytest.raises(ValueError, match="class 'benign' does not occur.*'in situ'"):
        spacrd.metrics.severity(scored, "class", order=["benign", "invasive"])
    with pytest.raises(KeyError, match="column of .obs 'klass'"):
        spacrd.metrics.severity(scored, "klass")
