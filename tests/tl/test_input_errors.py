"""Each mistake has its own message, and leaves the user's object as it was."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section
from tests.making.states import assert_same, state


def set_counts(change):
    def apply(table):
        values = table.X.toarray()
        change(values)
        table.X = type(table.X)(values)

    return apply


def put(value):
    return set_counts(lambda values: values.__setitem__((3, 4), value))


def zero(values):
    values[:] = 0


def log(values):
    values[:] = np.log1p(values / values.sum(1, keepdims=True) * 1e4)


def rename_twice(table):
    table.var_names = ["same", "same", *table.var_names[2:]]


def rename_spots(table):
    table.obs_names = ["same", "same", *table.obs_names[2:]]


def no_coordinates(table):
    del table.obsm["spatial"]


def nan_coordinates(table):
    table.obsm["spatial"][4] = np.nan


def infinite_embedding(table):
    table.obsm["X_mine"][4, 1] = np.inf


BAD_TABLES = [
    (put(np.nan), ValueError, "NaN or infinite"),
    (put(np.inf), ValueError, "NaN or infinite"),
    (put(-2.0), ValueError, "negative"),
    (set_counts(log), ValueError, "log-transformed"),
    (set_counts(zero), ValueError, "not one count"),
    (rename_twice, ValueError, "Gene names are not unique: 'same'"),
    (rename_spots, ValueError, "Spot names are not unique: 'same'"),
    (no_coordinates, KeyError, "No coordinates"),
    (nan_coordinates, ValueError, "1 spots have no finite coordinates"),
    (infinite_embedding, ValueError, "infinite values"),
]


@pytest.mark.filterwarnings("ignore:.*not unique")
@pytest.mark.parametrize(("spoil", "error", "message"), BAD_TABLES)
def test_invalid_tables_are_refused_by_fit_and_score(both_model, spoil, error, message):
    table = make_section(3)
    spoil(table)
    before = state(table)
    with pytest.raises(error, match=message):
        spacrd.tl.fit([make_section(1), table], "pathologist", positive=POSITIVE)
    assert_same(state(table), before)
    with pytest.raises(error, match=message):
        spacrd.tl.score(table, both_model)
    assert_same(state(table), before)


def drop(*names):
    def apply(table):
        for name in names:
            del table.obs[name]

    return apply


def one_class(table):
    table.obs["pathologist"] = POSITIVE


@pytest.mark.parametrize(
    ("spoil", "kwargs", "error", "message"),
    [
        (drop("pathologist"), {}, KeyError, "no obs column 'pathologist'"),
        (one_class, {}, ValueError, "one class only.*`default` of spacrd.pp.annotate"),
        (None, {"positive": "carcinoma"}, ValueError, "'carcinoma' does not occur.*'invasive cancer', 'stroma'"),
        (None, {"positive": []}, ValueError, "names no class"),
        (None, {"negative": ["fat"]}, ValueError, "'fat' does not occur"),
        (None, {"negative": [POSITIVE]}, ValueError, "positive and negative at once"),
        (None, {"label_key": "patologist"}, KeyError, "Did you mean 'pathologist'"),
        (None, {"library_key": "sample"}, KeyError, "no obs column 'sample'"),
        (None, {"layer": "raw"}, KeyError, "no layer 'raw'"),
        (None, {"image_rep": "X_uni"}, ValueError, "No section has 'X_uni'.*extract_patches"),
        (None, {"recipe": "best"}, ValueError, "'published', 'default'"),
        (None, {"modality": "both"}, ValueError, "'image', 'expression'"),
        (None, {"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1"),
        (None, {"n_neighbors": 2.5}, TypeError, "whole number"),
        (None, {"seed": -1}, ValueError, "seed must be at least 0"),
        (None, {"lr": 0.0}, ValueError, "lr must be positive"),
        (None, {"genes": ["g1", "ERBB2"]}, ValueError, "1 of the genes are not in every section: 'ERBB2'"),
        (None, {"scaling": "rank"}, ValueError, "scaling"),
        (None, {"device": "tpu7"}, ValueError, "not a torch device"),
    ],
)
def test_wrong_arguments_of_fit_are_named_and_change_nothing(spoil, kwargs, error, message):
    table = make_section(3)
    if spoil:
        spoil(table)
    before = state(table)
    kwargs = {"positive": POSITIVE, "label_key": "pathologist", "recipe": small_recipe(members=1), **kwargs}
    label_key = kwargs.pop("label_key")
    with pytest.raises(error, match=message):
        spacrd.tl.fit(table, label_key, **kwargs)
    assert_same(state(table), before)


@pytest.mark.parametrize("data", [None, 3, "path/to/file.h5ad", [None], {}])
def test_wrong_types_are_named(data, both_model):
    with pytest.raises(TypeError, match="AnnData"):
        spacrd.tl.fit(data, "pathologist", positive=POSITIVE)
    with pytest.raises(TypeError, match="AnnData"):
        spacrd.tl.score(data, both_model)


def test_wrong_arguments_of_score_are_named_and_change_nothing(both_model, target):
    before = state(target)
    with pytest.raises(TypeError, match=r"SpaCRD\.load"):
        spacrd.tl.score(target, "model_folder")
    with pytest.raises(ValueError, match="cannot name a slot of AnnData"):
        spacrd.tl.score(target, both_model, key_added="a/b")
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        spacrd.tl.score(target, both_model, batch_size=0)
    with pytest.raises(ValueError, match="empty"):
        spacrd.tl.score(target[:0].copy(), both_model)
    assert_same(state(target), before)


def test_an_empty_list_of_sections_is_refused():
    with pytest.raises(ValueError, match="list of sections is empty"):
        spacrd.tl.fit([], "pathologist", positive=POSITIVE)


def test_sections_without_a_gene_in_common(both_model, target):
    other = make_section(4, prefix="mouse")
    with pytest.raises(ValueError, match="no gene in common"):
        spacrd.tl.fit([target, other], "pathologist", positive=POSITIVE)
    with pytest.raises(ValueError, match="no gene in common.*'mouse0'.*'g0'"):
        spacrd.tl.score(other, both_model)


def test_several_embeddings_must_be_told_apart(target):
    target.obsm["X_second"] = target.obsm["X_mine"]
    target.uns["spacrd"]["X_second"] = target.uns["spacrd"]["X_mine"]
    with pytest.raises(ValueError, match="'X_mine', 'X_second'.*image_rep"):
        spacrd.tl.fit(target, "pathologist", positive=POSITIVE)


def test_a_fit_without_an_embedding_warns(target):
    del target.obsm["X_mine"]
    with (
        pytest.warns(UserWarning, match="expression alone"),
        pytest.warns(UserWarning, match="not calibrated: that takes two annotated sections"),
    ):
        spacrd.tl.fit(target, "pathologist", positive=POSITIVE, recipe=small_recipe(members=1), max_epochs=1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder", "other", "encoder 'other'.*'mine'"),
        ("patch_um", 112.0, r"patch_um 112\.0.*55\.0"),
        ("weights_sha256", "beef", None),
    ],
)
def test_another_embedding_is_refused_with_both_values(both_model, target, name, value, message):
    target.uns["spacrd"]["X_mine"][name] = value
    if name == "patch_um":
        target.uns["spacrd"]["X_mine"]["sections"]["section"][name] = value
    if message is None:  # unknown on the model's side: nothing to compare with
        spacrd.tl.score(target, both_model)
        return
    before = state(target)
    with pytest.raises(ValueError, match=message):
        spacrd.tl.score(target, both_model)
    assert_same(state(target), before)
    with pytest.warns(UserWarning, match=message):
        spacrd.tl.score(target, both_model, on_mismatch="warn")


def test_patches_of_nearly_the_same_size_fit(both_model, target):
    target.uns["spacrd"]["X_mine"]["sections"]["section"]["patch_um"] = 58.0
    spacrd.tl.score(target, both_model)
    assert target.obs["spacrd_likelihood"].notna().all()


def test_another_width_is_always_refused(both_model, target):
    target.obsm["X_mine"] = target.obsm["X_mine"][:, :4]
    with pytest.raises(ValueError, match="4 dimensions.*6"):
        spacrd.tl.score(target, both_model, on_mismatch="warn")


def test_sections_extracted_differently_cannot_be_fitted_together():
    one, two = make_section(1), make_section(2)
    two.uns["spacrd"]["X_mine"]["sections"]["section"]["patch_um"] = 100.0
    with pytest.raises(ValueError, match=r"patch_um: 55\.0 and 100\.0"):
        spacrd.tl.fit([one, two], "pathologist", positive=POSITIVE)


def test_user_data_in_our_slot_is_not_overwritten(gene_model, target):
    target.uns["spacrd"] = "my notes"
    with pytest.raises(TypeError, match="my notes|holds a str"):
        spacrd.tl.score(target, gene_model)
    assert target.uns["spacrd"] == "my notes"
    assert "spacrd_likelihood" not in target.obs


def test_one_of_several_classes_may_be_absent_with_a_warning(target):
    with (
        pytest.warns(UserWarning, match="'cancer in situ' does not occur"),
        pytest.warns(UserWarning, match="not calibrated: that takes two annotated sections"),
    ):
        spacrd.tl.fit(
            target,
            "pathologist",
            positive=[POSITIVE, "cancer in situ"],
            modality="expression",
            recipe=small_recipe(members=1),
            max_epochs=1,
        )
