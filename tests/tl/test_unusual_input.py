"""Containers and arguments that users pass by mistake, or that are unusual but right."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import spacrd
from spacrd.model import Recipe
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section
from tests.making.states import assert_same, state


def test_half_precision_counts_score_as_single_precision_ones(both_model):
    one, other = make_section(3), make_section(3)
    other.X = other.X.toarray().astype(np.float16)
    for table in (one, other):
        spacrd.tl.score(table, both_model)
    np.testing.assert_array_equal(one.obs["spacrd_likelihood"], other.obs["spacrd_likelihood"])


def test_complex_counts_are_refused(both_model):
    table = make_section(3)
    table.X = table.X.astype(np.complex64)
    with pytest.raises(TypeError, match="real numbers, got complex64"):
        spacrd.tl.score(table, both_model)


def test_a_table_open_on_disk_is_scored(both_model, tmp_path):
    make_section(3).write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    scored = spacrd.tl.score(backed, both_model, copy=True)
    assert not scored.isbacked and "spacrd_likelihood" not in backed.obs
    with pytest.raises(ValueError, match="to_memory"):
        spacrd.tl.score(backed[:10], both_model)
    assert spacrd.tl.score(backed[:10], both_model, copy=True).n_obs == 10
    spacrd.tl.score(backed, both_model)
    np.testing.assert_array_equal(backed.obs["spacrd_likelihood"], scored.obs["spacrd_likelihood"])
    backed.file.close()


@pytest.mark.parametrize(
    "record", ["mine", {"X_mine": "mine"}, {"X_mine": {"sections": "a"}}, {"X_mine": {"sections": {"section": 3}}}]
)
def test_a_slot_of_the_users_own_is_named(both_model, target, record):
    target.uns["spacrd"] = record
    before = state(target)
    for call in (
        lambda: spacrd.tl.score(target, both_model),
        lambda: spacrd.tl.fit([make_section(1), target], "pathologist", positive=POSITIVE, recipe=small_recipe()),
    ):
        with pytest.raises(TypeError, match=r"uns\['spacrd'\]"):
            call()
    assert_same(state(target), before)


def test_a_sparse_embedding_is_refused(both_model, target):
    target.obsm["X_mine"] = csr_matrix(target.obsm["X_mine"])
    with pytest.raises(TypeError, match="sparse"):
        spacrd.tl.score(target, both_model)


@pytest.mark.parametrize("key", ["mine", "X_mine"])
def test_a_result_never_replaces_the_embedding(both_model, target, key):
    before = state(target)
    with pytest.raises(ValueError, match="would replace the embedding"):
        spacrd.tl.score(target, both_model, key_added=key)
    assert_same(state(target), before)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"positive": None}, TypeError, "positive must be a class"),
        ({"lr": "a"}, TypeError, "lr must be a number"),
        ({"lr": float("inf")}, ValueError, "lr must be positive"),
        ({"max_distance": -1}, ValueError, "max_distance must be positive"),
        ({"max_distance": "a"}, TypeError, "max_distance must be a number"),
        ({"genes": []}, ValueError, "at least one gene name"),
        ({"genes": "g1"}, ValueError, "at least one gene name"),
    ],
)
def test_wrong_arguments_of_fit_are_named(training_sections, arguments, error, message):
    with pytest.raises(error, match=message):
        spacrd.tl.fit(training_sections, "pathologist", **{"positive": POSITIVE, **arguments})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("positive", [True, 1, "True"])
def test_labels_that_are_no_text_are_fitted_on(positive):
    sections = [make_section(1, n=36), make_section(2, n=36)]
    for table in sections:
        cancer = (table.obs["pathologist"] == POSITIVE).to_numpy()
        table.obs["label"] = cancer.astype(int) if positive == 1 and positive is not True else cancer
    model = spacrd.tl.fit(sections, "label", positive=positive, recipe=small_recipe(), max_epochs=1)
    assert model.config.positive == ("1",)


@pytest.mark.filterwarnings("ignore:.*not calibrated")
def test_six_spots_twice_can_be_fitted():
    few = make_section(3)[40:46].copy()
    with pytest.warns(spacrd.SpacrdWarning, match="share spots"):
        model = spacrd.tl.fit([few, few], "pathologist", positive=POSITIVE, recipe=small_recipe(), max_epochs=1)
    assert 0 < model.config.calibration.slope < 1e4


def test_likelihoods_that_are_text_are_refused(both_model, target):
    spacrd.tl.score(target, both_model)
    target.obs["spacrd_likelihood"] = "high"
    with pytest.raises(TypeError, match="not likelihoods"):
        spacrd.metrics.evaluate(target, "pathologist", positive=POSITIVE)


@pytest.mark.parametrize("path", [None, 3, ""])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(TypeError, match="path must name a model folder"):
        spacrd.SpaCRD.load(path)


def test_numbers_of_numpy_are_numbers(training_sections, tmp_path):
    model = spacrd.tl.fit(
        training_sections,
        "pathologist",
        positive=POSITIVE,
        recipe=small_recipe(calibrated=False, propagation=0.0),
        max_epochs=1,
        n_neighbors=np.int64(4),
        members=np.int64(1),
        seed=np.int32(3),
        lr=np.float32(1e-3),
    )
    model.save(tmp_path / "m")
    assert spacrd.SpaCRD.load(tmp_path / "m").config == model.config


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_neighbors": 5000}, "n_neighbors: .* 1000"),
        ({"recipe": small_recipe(), "members": 500}, "members: .* 100"),
        ({"recipe": Recipe(network={"width": 2**20, "heads": 1})}, "network.width: .* 65536"),
        ({"recipe": Recipe(network={"hidden": np.array([8, 8])})}, "more than plain JSON"),
    ],
)
def test_what_could_not_be_saved_is_refused_before_the_fit(training_sections, monkeypatch, wrong, message):
    monkeypatch.setattr("spacrd.train._run.train_network", lambda *_, **__: pytest.fail("the fit has begun"))
    with pytest.raises(ValueError, match=message):
        spacrd.tl.fit(training_sections, "pathologist", positive=POSITIVE, **wrong)


def test_commits_that_leave_the_weights_alone_do_not_matter(both_model, target):
    def with_image(**facts):
        image = replace(both_model.config.image, **facts)
        return spacrd.SpaCRD(replace(both_model.config, image=image), both_model.parts, [])

    target.uns["spacrd"]["X_mine"] |= {"revision": "1" * 40, "weights_sha256": "a" * 64}
    for facts in (
        {"revision": "2" * 40, "weights_sha256": "a" * 64},
        {"revision": "1" * 40},
        {"weights_sha256": "a" * 64},
    ):
        spacrd.tl.score(target, with_image(**facts), copy=True)
    for facts, name in (
        ({"revision": "2" * 40}, "revision"),
        ({"revision": "1" * 40, "weights_sha256": "b" * 64}, "weights_sha256"),
    ):
        with pytest.raises(ValueError, match=f"was made with {name}"):
            spacrd.tl.score(target, with_image(**facts))


def test_a_text_is_neither_true_nor_false(both_model, target, tmp_path):
    spacrd.tl.score(target, both_model)
    before = state(target)
    calls = {
        "copy": [
            lambda: spacrd.tl.score(target, both_model, key_added="other", copy="no"),
            lambda: spacrd.tl.adapt(target, both_model, "pathologist", key_added="other", copy="no"),
            lambda: spacrd.tl.threshold(target, method=0.9, copy="no"),
            lambda: spacrd.tl.explain(target, both_model, copy="no"),
            lambda: spacrd.tl.to_cells(target, target, copy="no"),
            lambda: spacrd.pp.extract_patches(target, copy="no"),
            lambda: spacrd.pp.annotate(target, "x.geojson", key_added="drawn", copy="no"),
        ],
        "overwrite": [
            lambda: both_model.save(tmp_path / "model", overwrite="no"),
            lambda: spacrd.report(target, tmp_path / "x.html", overwrite="no"),
            lambda: spacrd.rivals.register("mine", object, overwrite="no"),
            lambda: spacrd.encoders.register("mine", np.mean, dim=3, size=32, overwrite="no"),
        ],
        "tumour": [lambda: spacrd.datasets.toy_xenium(tumour="no")],
        "cells": [lambda: spacrd.datasets.hest("nowhere", "x", cells="no")],
        "labels": [lambda: spacrd.datasets.her2st("nowhere", "x", labels="no")],
        "private": [lambda: both_model.push_to_hub("lab/model", private="no")],
        "run": [lambda: spacrd.view(target, run="no")],
        "show": [lambda: spacrd.pl.distribution(target, show="no", save=tmp_path / "x.png")],
        "outline": [lambda: spacrd.pl.likelihood(target, outline="no")],
        "scale_bar": [lambda: spacrd.pl.likelihood(target, scale_bar="no")],
    }
    for argument, functions in calls.items():
        for function in functions:
            with pytest.raises(TypeError, match=f"{argument} must be True or False, got 'no'"):
                function()
    assert_same(state(target), before)
    assert not list(tmp_path.iterdir())


def masked(values, rows):
    """The values with some rows masked."""
    array = np.ma.masked_array(values, mask=False)
    array[rows] = np.ma.masked
    return array


def test_masked_values_are_missing(both_model, target):
    expected, spots = target.copy(), np.arange(5)
    expected.obsm["X_mine"][spots] = np.nan
    target.obsm["X_mine"] = masked(target.obsm["X_mine"], spots)
    frame = pd.DataFrame(expected.obsm["X_mine"], expected.obs_names, list("abcdef")).astype("Float64")
    nullable = expected.copy()
    nullable.obsm["X_mine"] = frame
    for table in (target, expected, nullable):
        spacrd.tl.score(table, both_model)
    for table in (target, nullable):
        np.testing.assert_array_equal(table.obs["spacrd_likelihood"], expected.obs["spacrd_likelihood"])


def test_masked_coordinates_and_counts_are_refused(both_model):
    table = make_section(3)
    table.obsm["spatial"] = masked(table.obsm["spatial"], 3)
    with pytest.raises(ValueError, match="1 spots have no finite coordinates"):
        spacrd.tl.score(table, both_model)
    table = make_section(3)
    table.X = masked(table.X.toarray(), 3)
    with pytest.raises(ValueError, match="40 counts are masked"):
        spacrd.tl.score(table, both_model)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_a_section_name_that_no_file_holds_is_refused_before_the_work(both_model, target, name):
    target.obs["slide"] = name
    before = state(target)
    for call in (
        lambda: spacrd.tl.score(target, both_model, library_key="slide"),
        lambda: spacrd.tl.fit(target, "pathologist", positive=POSITIVE, library_key="slide"),
        lambda: spacrd.pp.extract_patches(target, library_key="slide"),
    ):
        with pytest.raises(ValueError, match=r"obs\['slide'\] names a section .*a character that no file holds"):
            call()
    assert_same(state(target), before)
