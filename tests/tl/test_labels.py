"""Missing labels that became text, and one class in several spellings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd._classes import class_name, class_names
from tests.making.recipes import SHORT
from tests.making.sections import LABEL, POSITIVE, make_section
from tests.making.validation import validate


def fit(sections, label, positive, **arguments):
    return spacrd.tl.fit(sections, label, positive=positive, modality="expression", recipe=SHORT, **arguments)


def counts(model):
    return model.config.training["n_positive"], model.config.training["n_labelled"]


def partly_labelled(fill):
    """Two sections with labels missing in every third spot, stored as ``fill``."""
    sections = [make_section(1), make_section(2)]
    for table in sections:
        labels = table.obs[LABEL].astype(object)
        labels.iloc[::3] = fill
        table.obs[LABEL] = pd.Categorical(labels)
    return sections


@pytest.mark.parametrize("text", ["nan", "None", "<NA>", "NA", "", "null", "NaT", "-nan", "<NaN>", "#NA", "\u200b"])
def test_text_that_stands_for_a_missing_label_is_no_class(text):
    wanted = counts(fit(partly_labelled(np.nan), LABEL, POSITIVE))
    with pytest.warns(
        spacrd.SpacrdWarning, match=r"holds '.*' \(60 spots\): these spots count as unlabelled"
    ) as caught:
        model = fit(partly_labelled(text), LABEL, POSITIVE)
    assert counts(model) == wanted == (60, 120)
    assert sum("count as unlabelled" in str(item.message) for item in caught) == 1


def test_a_class_called_none_is_one_where_it_is_named():
    model = fit(partly_labelled("None"), LABEL, POSITIVE, negative=["stroma", "None"])
    assert counts(model) == (60, 180)


@pytest.mark.parametrize(
    "text",
    ["unlabelled", "Unlabeled", "unknown", "Ignore", "Ignore*", "not annotated", "Missing", "?", "--", "-1", "Region*"]
    + ["un-annotated", "no label", "not sure", ".", "undetermined", "undefined", "Indeterminate", "n.d.", "-99", "255"],
)
def test_classes_that_may_mean_no_annotation_are_asked_about(text):
    with pytest.warns(spacrd.SpacrdWarning, match=r"holds '.*' \(60 spots\), which count as not cancer.*`negative`"):
        model = fit(partly_labelled(text), LABEL, POSITIVE)
    assert counts(model) == (60, 180)


@pytest.mark.parametrize(
    ("one", "other", "positive"),
    [
        (lambda y: y.astype(int), lambda y: np.where(np.arange(90) < 5, np.nan, y.astype(float)), 1),
        (lambda y: y, lambda y: y.astype(int), True),
        (lambda y: y, lambda y: np.where(y, "true", "false"), True),
        (lambda y: y.astype(int), lambda y: np.where(y, "1.0", "0.0"), "1"),
        (lambda y: np.where(y, "Cancer", "no"), lambda y: np.where(y, "Cancer ", " no"), "Cancer"),
    ],
    ids=["int and float", "bool and int", "bool and text", "int and text", "blanks"],
)
def test_one_class_in_two_spellings_is_one_class(one, other, positive):
    sections = [make_section(1), make_section(2)]
    cancer = [(table.obs[LABEL] == POSITIVE).to_numpy() for table in sections]
    stored = [one(cancer[0]), other(cancer[1])]
    for table, values in zip(sections, stored, strict=True):
        table.obs["label"] = values
    n_positive = int(cancer[0].sum() + cancer[1][pd.notna(stored[1])].sum())
    assert counts(fit(sections, "label", positive))[0] == n_positive
    sections.append(make_section(3))
    sections[2].obs["label"] = other((sections[2].obs[LABEL] == POSITIVE).to_numpy())
    result = spacrd.tl.cross_validate(
        sections, "label", positive=positive, modality="expression", baselines=False, recipe=SHORT
    )
    assert (result.metrics["n_positive"] > 30).all()
    target = sections[2]
    spacrd.tl.score(target, fit(sections[:2], "label", positive))
    assert spacrd.metrics.evaluate(target, "label", positive=positive)["n_positive"].iloc[0] > 30


def test_spellings_that_differ_in_case_are_named_with_their_sections():
    sections = [make_section(1), make_section(2)]
    sections[1].obs[LABEL] = sections[1].obs[LABEL].str.replace("invasive cancer", "Invasive_Cancer")
    with pytest.warns(spacrd.SpacrdWarning) as caught:
        fit(sections, LABEL, POSITIVE)
    texts = [str(item.message) for item in caught]
    assert any("'invasive cancer' (section 'section'), 'Invasive_Cancer' (section 'section')" in text for text in texts)
    assert any("has labels but no spot of 'invasive cancer'" in text for text in texts)


def test_evaluate_and_severity_leave_missing_text_out():
    (target,) = partly_labelled("nan")[:1]
    (clean,) = partly_labelled(np.nan)[:1]
    model = fit([make_section(3), make_section(4)], LABEL, POSITIVE)
    for table in (target, clean):
        spacrd.tl.score(table, model)
    with pytest.warns(spacrd.SpacrdWarning, match="count as unlabelled"):
        table = spacrd.metrics.evaluate(target, LABEL, positive=POSITIVE)
    pd.testing.assert_frame_equal(table, spacrd.metrics.evaluate(clean, LABEL, positive=POSITIVE))
    with pytest.warns(spacrd.SpacrdWarning, match="count as unlabelled"):
        severity = spacrd.metrics.severity(target, LABEL)
    pd.testing.assert_frame_equal(severity, spacrd.metrics.severity(clean, LABEL))


def test_a_section_called_mean_keeps_its_row():
    sections = [make_section(seed) for seed in (1, 2)]
    model = fit([make_section(3), make_section(4)], LABEL, POSITIVE)
    import anndata as ad

    joint = ad.concat(sections, label="slide", keys=["mean", "b"])
    spacrd.tl.score(joint, model, library_key="slide")
    table = spacrd.metrics.evaluate(joint, LABEL, positive=POSITIVE)
    assert list(table.index) == ["mean", "b", "mean of sections"]
    assert table.loc["mean", "n"] == 90 and table.loc["mean of sections", "n"] == 180
    result = validate(joint, library_key="slide", baselines=False, modality="expression")
    assert list(result.per_section("auc").columns) == ["mean", "b", "mean of sections"]


def test_names_of_classes():
    values = [1, 1.0, True, "1", "1.0", "true", " 1 ", np.float32(1), np.True_]
    assert {class_name(value) for value in values} == {"1"}
    assert [class_name(value) for value in (1.5, "1.5", "01", "a.b", "Cancer ")] == [
        "1.5",
        "1.5",
        "01",
        "a.b",
        "Cancer",
    ]
    assert {class_name(value) for value in ("Tum\u00f6r", "Tumo\u0308r ", "Tum\u00f6r".encode())} == {"Tum\u00f6r"}
    names = class_names(pd.Series(pd.Categorical(["a ", None, "nan", "b"])))
    assert names.isna().tolist() == [False, True, True, False] and names[0] == "a"


@pytest.mark.parametrize("change", [{" ": "\u00a0"}, {"c": "\ufeffc"}, {"c": "c\u200b"}], ids=range(3))
def test_what_no_reader_sees_makes_no_other_class(change):
    ((old, new),) = change.items()
    assert class_name("invasive cancer".replace(old, new)) == "invasive cancer"


def test_a_missing_label_that_an_unsigned_number_wrapped_is_asked_about():
    sections = [make_section(1), make_section(2)]
    for table in sections:
        table.obs["target"] = (table.obs[LABEL] == POSITIVE).to_numpy().astype(np.uint8)
        table.obs.iloc[::3, table.obs.columns.get_loc("target")] = np.uint8(255)
    with pytest.warns(spacrd.SpacrdWarning, match=r"holds '255' \(60 spots\), which count as not cancer.*`negative`"):
        fit(sections, "target", 1)
    assert counts(fit(sections, "target", 1, negative=0)) == (60, 120)


def test_numbers_of_clusters_are_no_missing_labels():
    table = make_section(1, n=256)
    table.obs["cluster"] = np.arange(256)
    fit(table, "cluster", list(range(100)))  # 255 and 254 are classes like the others
    table.obs["mask"] = np.where(table.obs[LABEL] == POSITIVE, 255, 0)
    fit(table, "mask", 255)


def test_infinite_labels_are_asked_about():
    sections = [make_section(1), make_section(2)]
    for table in sections:
        target = (table.obs[LABEL] == POSITIVE).astype(float)
        target.iloc[::3] = np.inf
        table.obs["target"] = target
    with pytest.warns(spacrd.SpacrdWarning, match=r"holds 'inf' \(60 spots\), which count as not cancer"):
        fit(sections, "target", 1)


@pytest.mark.parametrize("make", [lambda name: [name], lambda name: {"name": name}])
def test_lists_and_tables_are_no_classes(make):
    table = make_section(1)
    table.obs["lists"] = pd.Series([make(name) for name in table.obs[LABEL]], table.obs_names)
    with pytest.raises(ValueError, match="does not occur in obs\\['lists'\\]"):
        fit(table, "lists", POSITIVE)


def test_a_function_is_no_class():
    with pytest.raises(TypeError, match="positive must be a class of the label column or a list of them"):
        fit(make_section(1), LABEL, str.isupper)
