"""Which sections and labels a cross-validation takes, and which groups it makes of them."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.tl._cv import _run as _cv_run
from tests.making.sections import POSITIVE
from tests.making.validation import ad_with, fake_spacrd, likelihoods, section, sections, validate

# Of three sections one always lies outside the two others.


def test_group_key_puts_both_sections_of_a_patient_on_one_side(monkeypatch):
    seen = {}

    def spy(task, plan):
        seen[task.group] = {s.name for s in task.training}, {s.name for s in task.held_out.values()}
        assert all(np.isnan(s.arrays.target).all() and pd.isna(s.labels).all() for s in task.held_out.values())
        return fake_spacrd(task, plan)

    monkeypatch.setattr(_cv_run, "_spacrd", spy)
    data = [section(seed, patient=patient) for seed, patient in enumerate("xyx")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = validate(data, group_key="patient", baselines=False)
    wanted = {
        "x": ({"section_2"}, {"section_1", "section_3"}),
        "y": ({"section_1", "section_3"}, {"section_2"}),
    }
    assert seen == wanted
    assert dict(zip(result.metrics["section"], result.metrics["group"], strict=True)) == {
        "section_1": "x",
        "section_2": "y",
        "section_3": "x",
    }
    seen.clear()
    mapping = {"section_1": "x", "section_2": "y", "section_3": "x"}
    validate([section(seed) for seed in range(3)], group_key=mapping, baselines=False)
    assert seen == wanted


def test_warns_of_a_patient_on_both_sides(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = [section(seed, Donor=donor) for seed, donor in enumerate("xyx")]
    with pytest.warns(UserWarning, match=r"both sides of a fold: obs\['Donor'\] has 'x' in several"):
        validate(data, baselines=False)
    with pytest.warns(UserWarning, match="both sides"):  # a group that does not help
        validate(data, baselines=False, group_key={f"section_{i}": str(i) for i in (1, 2, 3)})


def test_one_table_of_several_libraries(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    parts = sections()
    whole = ad.concat(parts, label="slide", keys=["c", "a", "b"], uns_merge="first")
    whole = whole[np.random.default_rng(0).permutation(whole.n_obs)].copy()
    result = validate(whole, library_key="slide", image_rep="X_mine", baselines=["logistic both"])
    apart = validate(parts, image_rep="X_mine", baselines=["logistic both"])
    assert set(result.metrics["section"]) == {"a", "b", "c"}
    one = likelihoods(result, "c", "logistic both").sort_index()
    other = likelihoods(apart, "section_1", "logistic both").sort_index()
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Section .* has labels but no spot of")
def test_a_section_of_one_class_has_no_auc(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    data[1].obs["pathologist"] = "stroma"
    with pytest.warns(UserWarning, match="NaN, and left out of means, for section 'section_2'"):
        result = validate(data, baselines=False)
    rows = result.metrics.set_index("section")
    assert np.isnan(rows.loc["section_2", "auc"])
    assert rows.loc["section_2", "n"] == 49
    assert result.summary().loc["spacrd", "auc"] == pytest.approx(rows["auc"].mean())
    table = result.per_section()
    assert np.isnan(table.loc["spacrd", "section_2"])
    assert list(table.columns) == ["section_1", "section_2", "section_3", "mean"]


def test_a_class_that_only_one_section_has_is_no_obstacle():
    data = sections(2)
    data[1].obs["pathologist"] = data[1].obs["pathologist"].replace(POSITIVE, "cancer in situ")
    result = validate(data, positive=[POSITIVE, "cancer in situ"], baselines=False)
    assert (result.metrics["n_positive"] > 0).all()


def test_negative_classes_alone_are_evaluated(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    for table in data:
        table.obs["pathologist"] = table.obs["pathologist"].astype(object)
        table.obs.iloc[10:20, 0] = "undetermined"
    result = validate(data, negative="stroma", baselines=False)
    assert (result.metrics["n"] == 39).all()
    assert (validate(data, ignore="undetermined", baselines=False).metrics["n"] == 39).all()
    with pytest.warns(spacrd.SpacrdWarning, match=r"'undetermined' \(30 spots\), which count as not cancer"):
        assert (validate(data, baselines=False).metrics["n"] == 49).all()
    with pytest.warns(spacrd.SpacrdWarning, match="ignore class 'undetermind' does not occur.*mean 'undetermined'"):
        validate(data, ignore=["undetermined", "undetermind"], baselines=False)


def test_modalities_decide_the_baselines():
    modality = spacrd.rivals.available().loc[list(spacrd.rivals.BASELINES), "modality"]
    gene, image = (set(modality.index[modality.isin([name, "any"])]) for name in ("expression", "image"))
    data = sections(2)
    assert set(validate(data, modality="expression").metrics["model"]) == {"spacrd", *gene}
    assert set(validate(data, modality="image").metrics["model"]) == {"spacrd", *image}
    for table in data:
        del table.obsm["X_mine"], table.uns["spacrd"]
    with pytest.warns(UserWarning, match="fitted on expression alone"):
        result = validate(data, baselines=False)
    assert result.likelihoods["likelihood"].notna().all()
    with pytest.raises(ValueError, match="'logistic image' reads a patch embedding"):
        validate(data, modality="expression", baselines="logistic image")


def test_spots_off_the_image(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections()
    data[1].obsm["X_mine"][:-1] = np.nan  # one spot has a patch; its neighbours borrow it
    with pytest.warns(UserWarning, match="scored spots of both classes"):
        result = validate(data, baselines=["logistic image", "logistic both"])
    image = likelihoods(result, "section_2", "logistic image").to_numpy()
    assert np.isfinite(image[-1]) and np.isnan(image[0])
    assert likelihoods(result, "section_2", "logistic both").notna().all()
    rows = result.metrics.set_index(["model", "section"])
    assert rows.loc[("logistic image", "section_2"), "n"] == np.isfinite(image).sum()


@pytest.mark.filterwarnings("ignore:AUC, AP and KS")
def test_a_baseline_that_cannot_be_fitted_stops_nothing(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    data = sections(2)
    data[1].obsm["X_mine"][:] = np.nan
    with pytest.warns(UserWarning, match="'logistic image' has no likelihoods where 'section_1' is held"):
        result = validate(data, baselines=["logistic image"], image_rep="X_mine", threshold=0.5)
    assert likelihoods(result, "section_1", "logistic image").isna().all()
    assert likelihoods(result, "section_2", "logistic image").isna().all()
    assert likelihoods(result, "section_1", "spacrd").notna().all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sections": 1}, ValueError, "there is only 'section'"),
        ({"group_key": {"section_1": "a", "section_2": "a", "section_3": "a"}}, ValueError, "there is only 'a'"),
        ({"group_key": {"section_1": "a"}}, KeyError, "no group for section 'section_2', 'section_3'"),
        ({"group_key": "paitent"}, KeyError, "Did you mean 'patient'"),
        ({"group_key": "mixed"}, ValueError, "'section_1' must lie in one group, but obs"),
        ({"group_key": "gaps"}, ValueError, "and missing values"),
        ({"baselines": "logistic"}, ValueError, "baselines='logistic' is not known"),
        ({"seeds": ()}, ValueError, "at least one"),
        ({"seeds": (1, 1)}, ValueError, "each once"),
        ({"seeds": (0.5,)}, TypeError, "whole number"),
        ({"seed": 3}, TypeError, "Use `seeds`"),
        ({"epochs": 3}, TypeError, "no argument 'epochs'"),
        ({"ignore": POSITIVE}, ValueError, "positive and ignored"),
        ({"positive": "tumour"}, ValueError, "does not occur"),
        ({"threshold": 2.0}, ValueError, "between 0 and 1"),
        ({"recipe": "best"}, ValueError, "recipe='best' is not known"),
        ({"modality": "protein"}, ValueError, "modality='protein'"),
        ({"n_top_genes": 0}, ValueError, "n_top_genes must be at least 1"),
        ({"callbacks": ["mine"], "resume": "cv"}, ValueError, "callbacks"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_arguments_are_refused_before_any_work(tmp_path, monkeypatch, change, error, message):
    monkeypatch.chdir(tmp_path)
    change = dict(change)
    data = sections(change.pop("sections", 3))
    for i, table in enumerate(data):
        ad_with(table, patient=str(i), mixed=["a", "b"] * 24 + ["a"], gaps=["a"] * 48 + [None])
    with pytest.raises(error, match=message):
        validate(data, **change)
    assert not list(tmp_path.iterdir())


def test_a_training_side_without_both_classes_names_its_fold():
    data = sections(2)
    data[0].obs["pathologist"] = POSITIVE
    with pytest.raises(ValueError, match="With 'section_2' held out, the other sections have 49 positive and 0 neg"):
        validate(data)
