"""Odd labels of ``adapt``, and columns that are not replaced."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.datasets import toy_visium

CANCER = "invasive cancer"


def toy(seed: int):
    return toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=seed)["table"]


def with_labels(seed: int, change=lambda names: names):
    made = toy(seed)
    made.obs["lab"] = change(made.obs["pathologist"].astype(object).where(np.arange(made.n_obs) < 30))
    return made


def report(made):
    (found,) = made.uns["spacrd"]["spacrd"]["sections"].values()
    return found


@pytest.fixture(scope="module")
def model():
    tables = [toy(seed) for seed in (0, 1, 3)]
    return spacrd.tl.fit(tables, "pathologist", positive=CANCER, modality="expression")


@pytest.mark.parametrize("name", ["checked_region", "checked_likelihood", "checked_uncertainty"])
def test_the_labels_are_not_replaced_by_the_result(model, name):
    made = with_labels(5)
    made.obs[name] = made.obs["lab"]
    before = made.obs.copy()
    with pytest.raises(ValueError, match="would be replaced by the result"):
        spacrd.tl.adapt(made, model, name, key_added="checked")
    pd.testing.assert_frame_equal(made.obs, before)


@pytest.mark.parametrize("name", ["x_region", "x_likelihood", "x_uncertainty"])
def test_a_column_that_spacrd_did_not_write_is_not_replaced(model, name):
    made = toy(5)
    made.obs[name] = "mine"
    with pytest.raises(ValueError, match=f"obs\\['{name}'\\] holds .*which spacrd did not write"):
        spacrd.tl.score(made, model, key_added="x")
    assert (made.obs[name] == "mine").all()
    spacrd.tl.score(made, model, key_added="y")
    spacrd.tl.score(made, model, key_added="y")  # its own are


def test_a_section_that_spells_its_class_differently_is_named(model):
    other = with_labels(6, lambda names: names.replace(CANCER, "Invasive Cancer"))
    with pytest.warns(spacrd.SpacrdWarning) as caught:
        spacrd.tl.adapt([with_labels(5), other], model, "lab")
    said = " ".join(str(warning.message) for warning in caught)
    assert "no spot is labelled 'invasive cancer'" in said and "'Invasive Cancer'" in said


def test_misspelled_classes_are_named(model):
    with pytest.raises(ValueError, match="negative class 'conective tissue' does not occur"):
        spacrd.tl.adapt(with_labels(5), model, "lab", negative=["conective tissue"])
    with pytest.warns(spacrd.SpacrdWarning, match="positive class 'cancer insitu' does not occur"):
        spacrd.tl.adapt(with_labels(5), model, "lab", positive=[CANCER, "cancer insitu"])


def test_measurements_are_no_classes(model):
    made = toy(5)
    made.obs["lab"] = np.linspace(0, 1, made.n_obs)
    for call in (spacrd.tl.adapt, lambda data, model, key, **options: spacrd.tl.fit(data, key, **options)):
        with pytest.raises(ValueError, match=r"obs\['lab'\] holds numbers such as 0.0101, not classes"):
            call(made, model, "lab", positive=1)


def test_labels_of_spots_that_cannot_be_scored_are_said_to_have_no_effect():
    tables = [toy(seed) for seed in range(3)]
    for number, table in enumerate(tables):
        table.obsm["X_mine"] = np.random.default_rng(number).normal(size=(table.n_obs, 4)).astype(np.float32)
    with pytest.warns(spacrd.SpacrdWarning):  # of an embedding without a record
        fitted = spacrd.tl.fit(tables[:2], "pathologist", positive=CANCER, modality="image", image_rep="X_mine")
    made = tables[2]
    made.obsm["X_mine"][:30] = np.nan
    made.obs["lab"] = made.obs["pathologist"].astype(object).where(np.arange(made.n_obs) < 30)
    with pytest.warns(spacrd.SpacrdWarning, match="no labelled spot can be scored"):
        spacrd.tl.adapt(made, fitted, "lab")
    assert report(made)["n_labelled"] == 0


def test_genes_without_a_name_are_not_unknown():
    tables = [toy(seed) for seed in range(3)]
    for table in tables:
        names = table.var_names.to_numpy().astype(object)
        names[9] = ""
        table.var_names = names
        counts = table.X.toarray()
        counts[:, 9] = counts.sum(axis=1) // 5
        table.X = counts
    with pytest.warns(spacrd.SpacrdWarning, match="have no name"):
        fitted = spacrd.tl.fit(tables[:2], "pathologist", positive=CANCER, modality="expression")
    spacrd.tl.score(tables[2], fitted)
    assert report(tables[2])["unknown_counts"] == 0 and not report(tables[2])["shift"]


@pytest.mark.parametrize("seed", [-1, 1.5, "x"])
def test_the_seed_of_suggested_spots_is_checked(model, seed):
    made = toy(5)
    spacrd.tl.score(made, model)
    with pytest.raises((TypeError, ValueError), match="seed must be"):
        spacrd.tl.suggest_spots(made, 5, seed=seed)


def test_a_class_that_the_model_does_not_know_is_asked_about(model, recwarn):
    made = with_labels(5)
    names = made.obs["lab"]
    cancer = np.flatnonzero(names == CANCER)
    names.iloc[cancer[: len(cancer) // 2]] = "invasive ca"
    with pytest.warns(spacrd.SpacrdWarning, match=r"holds 'invasive ca' \(\d+ spots\), which count") as said:
        spacrd.tl.adapt(made, model, "lab")
    text = str(said[0].message)
    assert "'invasive cancer' is cancer and" in text and "'connective tissue'" in text and "`positive`" in text
    recwarn.clear()
    others = sorted(set(names.dropna()) - {CANCER, "invasive ca"})
    spacrd.tl.adapt(made, model, "lab", positive=[CANCER, "invasive ca"])
    spacrd.tl.adapt(made, model, "lab", negative=others)
    assert not recwarn.list


def test_classes_of_a_saved_model_are_known(model, tmp_path):
    model.save(tmp_path / "model")
    made = with_labels(5, lambda names: names.replace("connective tissue", "conective tissue"))
    with pytest.warns(spacrd.SpacrdWarning, match="holds 'conective tissue'"):
        spacrd.tl.adapt(made, spacrd.SpaCRD.load(tmp_path / "model"), "lab")


def test_positive_classes_that_nobody_knows_are_refused(model):
    made = with_labels(5)
    with pytest.raises(ValueError, match=r"positive class 'tumor' does not occur .* name the classes .* `negative`"):
        spacrd.tl.adapt(made, model, "lab", positive="tumor")
    assert "spacrd_likelihood" not in made.obs
    made.obs["lab"] = made.obs["lab"].where(made.obs["lab"] != CANCER)
    others = sorted(set(made.obs["lab"].dropna()))
    with pytest.warns(spacrd.SpacrdWarning):
        spacrd.tl.adapt(made, model, "lab", positive="tumor", negative=others)
    assert report(made)["n_labelled"] > 0
