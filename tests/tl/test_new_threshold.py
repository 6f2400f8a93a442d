"""`tl.threshold` on what `tl.score` wrote: which table, which sections, what is kept."""

from __future__ import annotations

import anndata as ad
import pytest

import spacrd
from tests.making.sections import make_section


@pytest.fixture
def scored(both_model):
    """Two sections in one table."""
    made = ad.concat([make_section(3), make_section(4)], label="library", keys=["one", "two"], uns_merge="first")
    made.uns["spacrd"]["X_mine"]["sections"] = {name: {"patch_um": 55.0} for name in ("one", "two")}
    spacrd.tl.score(made, both_model, library_key="library")
    return made


def test_the_same_cut_calls_and_says_the_same(scored):
    before = scored.copy()
    del scored.uns["spacrd_region_colors"]
    assert spacrd.tl.threshold(scored) is None
    assert scored.obs["spacrd_region"].equals(before.obs["spacrd_region"])
    assert list(scored.uns["spacrd_region_colors"]) == list(before.uns["spacrd_region_colors"])
    record, wanted = (data.uns["spacrd"]["spacrd"] for data in (scored, before))
    assert record["library_key"] == "library"
    for name in ("one", "two"):
        for entry in ("verdict", "threshold", "threshold_method", "n_scored"):
            assert record["sections"][name][entry] == wanted["sections"][name][entry]


def test_sections_may_be_told_apart_by_another_column(scored):
    scored.obs["half"] = ["left" if spot % 2 else "right" for spot in range(scored.n_obs)]
    spacrd.tl.threshold(scored, library_key="half", method=0.3)
    record = scored.uns["spacrd"]["spacrd"]
    assert record["library_key"] == "half"
    assert set(record["sections"]) == {"left", "right"}


def test_a_copy_is_called_and_the_object_is_not(scored):
    before = scored.obs["spacrd_region"].copy()
    again = spacrd.tl.threshold(scored, method=0.999, copy=True)
    assert scored.obs["spacrd_region"].equals(before)
    assert (again.obs["spacrd_region"] == "cancer").sum() < (before == "cancer").sum()


def test_the_table_that_was_named(scored):
    from spatialdata import SpatialData

    other = scored.copy()
    sdata = SpatialData(tables={"spots": scored, "table": other})
    spacrd.tl.threshold(sdata, table_key="spots", method=0.999)
    changed, kept = (sdata[name].uns["spacrd"]["spacrd"]["sections"]["one"] for name in ("spots", "table"))
    assert changed["threshold"] == 0.999 and kept["threshold"] != 0.999


def test_a_mistaken_method_is_said_before_the_data_is_looked_at():
    with pytest.raises(ValueError, match="0 and 1"):
        spacrd.tl.threshold(None, method=1.0)
    with pytest.raises(ValueError, match="0 and 1"):
        spacrd.tl.threshold(None, method=0.0)
