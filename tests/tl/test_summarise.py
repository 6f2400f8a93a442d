from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.scored import scored_adata


def section_of(adata, name="one"):
    return adata.uns["spacrd"]["spacrd"]["sections"][name]


def test_each_section_of_each_object_is_a_row_in_order():
    table = spacrd.tl.summarise([scored_adata(libraries=("b", "a")), scored_adata()])
    assert table["section"].to_list() == ["b", "a", "one"]
    assert (table["n_spots"] == 120).all()


def test_numbers_are_those_of_the_object_and_its_record():
    adata = scored_adata(200)
    adata.obs["spacrd_uncertainty"] = np.float32(0.1)
    adata.obs["spacrd_region"] = np.repeat(["cancer", "normal", "uncertain", "normal"], 50)
    adata.obs.iloc[:10, adata.obs.columns.get_loc("spacrd_likelihood")] = np.nan
    section_of(adata).update(verdict="tumour", expected_share=0.4, share_low=0.2, share_high=0.6)
    section_of(adata).update(decision_coverage=0.7, expression_distance=0.5)
    section_of(adata).update(verdict_reason="why")
    adata.uns["spacrd"]["spacrd"].update(model="abc", calibrated_on=4, n_training=5)
    before = adata.copy()
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert (row["verdict"], row["model"], row["n_spots"], row["n_scored"]) == ("tumour", "abc", 200, 190)
    assert (row["verdict_reason"], row["n_training"]) == ("why", 5)
    assert [row[name] for name in ("expected_share", "share_low", "share_high")] == [0.4, 0.2, 0.6]
    assert row["called_share"] == pytest.approx(40 / 190)
    assert row["uncertain_share"] == pytest.approx(50 / 190)
    assert row["mean_likelihood"] == pytest.approx(np.nanmean(adata.obs["spacrd_likelihood"]))
    assert row["mean_uncertainty"] == pytest.approx(0.1)
    assert (row["gene_coverage"], row["decision_coverage"], row["expression_distance"]) == (1.0, 0.7, 0.5)
    assert row["warnings"] == "10 of 200 spots have no likelihood"
    assert (row["shift"], row["shift_reason"]) == (False, "")
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    np.testing.assert_equal(dict(adata.uns), dict(before.uns))


def test_what_should_make_a_reader_careful_is_told():
    adata = scored_adata()
    section_of(adata).update(in_training=True, gene_coverage=0.3)
    adata.uns["spacrd"]["spacrd"]["calibrated_on"] = 0
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    for text in ("fitted on this section", "not calibrated", "30% of the model's genes"):
        assert text in row["warnings"]
    assert not row["shift"]


def test_a_recorded_shift_is_taken_as_it_is():
    adata = scored_adata()
    section_of(adata).update(shift=True, shift_reason="another tissue", calls_withheld=True)
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert (row["shift"], row["shift_reason"], row["calls_withheld"]) == (True, "another tissue", True)
    assert row["warnings"] == "another tissue; calls were withheld"


def test_what_was_not_recorded_is_not_made_up():
    adata = scored_adata()
    del adata.uns["spacrd"], adata.obs["spacrd_region"]
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert (row["verdict"], row["platform"], row["model"], row["warnings"]) == ("", "", "", "")
    assert np.isnan([row[name] for name in ("expected_share", "called_share", "called_area_mm2")]).all()


def test_a_section_without_a_likelihood_has_no_verdict_and_no_shares():
    adata = scored_adata(libraries=("a", "b"))
    rows = (adata.obs["library"] == "b").to_numpy()
    section_of(adata, "b").update(verdict="tumour", expected_share=0.4, share_low=0.2, share_high=0.6)
    adata.obs.loc[rows, "spacrd_likelihood"] = np.nan
    _, row = spacrd.tl.summarise(adata).to_dict("records")
    shares = ("expected_share", "share_low", "share_high", "called_share", "uncertain_share", "mean_likelihood")
    assert row["n_scored"] == 0 and row["verdict"] == "" and np.isnan([row[name] for name in shares]).all()
    assert row["warnings"] == f"{rows.sum()} of {rows.sum()} spots have no likelihood"
    spacrd.pl.cohort(adata, order="expected_share", show=False)


def test_the_area_of_a_square_lattice_and_of_scattered_spots():
    adata = scored_adata(image=True)  # spots of 12 units, taken as 65 um, 20 units apart
    n = int((adata.obs["spacrd_region"] == "cancer").sum())
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert row["called_area_mm2"] == pytest.approx(n * (20 * 65 / 12 / 1000) ** 2)
    adata.obsm["spatial"] = np.random.default_rng(0).uniform(0, 200, (adata.n_obs, 2))
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert np.isnan(row["called_area_mm2"])


def test_unscored_sections_are_refused():
    adata = scored_adata()
    with pytest.raises(KeyError, match=r"no result 'mine'.*spacrd\.tl\.score"):
        spacrd.tl.summarise(adata, key="mine")
    with pytest.raises(ValueError, match="list of sections is empty"):
        spacrd.tl.summarise([])
