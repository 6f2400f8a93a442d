"""What ``score`` does with a section that is unlike the training sections."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from spacrd.datasets import toy_visium


def toy(seed: int):
    return toy_visium(n_rows=12, n_cols=12, n_genes=80, seed=seed)["table"]


@pytest.fixture(scope="module")
def model():
    tables = [toy(seed) for seed in range(2)]
    return spacrd.tl.fit(tables, "pathologist", positive="invasive cancer", modality="expression")


@pytest.fixture
def other():
    """A section of another tissue: every gene has the counts of another one."""
    made = toy(9)
    made.X = made.X.toarray()[:, np.argsort(-np.asarray(made.X.sum(axis=0)).ravel())][:, ::-1]
    order = np.argsort(np.asarray(toy(0).X.sum(axis=0)).ravel())
    made.X = made.X[:, ::-1][:, np.argsort(order)] ** 2
    return made


def report(made):
    (found,) = made.uns["spacrd"]["spacrd"]["sections"].values()
    return found


def score(made, model, **options):
    with pytest.warns(spacrd.SpacrdWarning, match="is unlike the training sections"):
        return spacrd.tl.score(made, model, copy=True, **options)


def test_spots_are_ranked_and_not_called(model, other):
    found = score(other, model)
    assert set(found.obs["spacrd_region"]) == {"uncertain"}
    assert found.obs["spacrd_likelihood"].nunique() > 50
    assert report(found)["shift"] and report(found)["calls_withheld"]
    assert "another organ" in report(found)["shift_reason"]
    assert report(found)["verdict"] == "unclear"


@pytest.mark.parametrize("options", [{"on_shift": "warn"}, {"expected_share": 0.3}, {"threshold": 0.5}])
def test_spots_are_called_on_demand(model, other, options):
    found = score(other, model, **options)
    assert "cancer" in set(found.obs["spacrd_region"])
    assert report(found)["shift"] and not report(found)["calls_withheld"]


def test_calls_can_be_made_afterwards(model, other):
    found = score(other, model)
    with pytest.warns(spacrd.SpacrdWarning, match="`score` withheld its calls: its expression is different"):
        spacrd.tl.threshold(found)
    assert "cancer" in set(found.obs["spacrd_region"])
    assert not report(found)["calls_withheld"] and report(found)["shift"]


def test_an_error_leaves_the_data_as_they_were(model, other):
    before = other.copy()
    with pytest.raises(
        ValueError, match="is unlike the training sections: its expression is different.*on_shift='warn'"
    ):
        spacrd.tl.score([toy(8), other], model, on_shift="error")
    assert set(other.obs) == set(before.obs) and "spacrd" not in other.uns


def test_a_section_like_the_training_sections_is_called(model):
    made = toy(8)
    spacrd.tl.score(made, model, on_shift="error")
    assert not report(made)["shift"] and report(made)["shift_reason"] == "" and not report(made)["calls_withheld"]


def test_the_choice_must_be_known(model):
    with pytest.raises(ValueError, match="on_shift='skip' is not known"):
        spacrd.tl.score(toy(8), model, on_shift="skip")


def test_the_model_compares_after_it_was_saved(model, other, tmp_path):
    model.save(tmp_path / "model")
    loaded = spacrd.SpaCRD.load(tmp_path / "model")
    first, second = (report(score(other, one)) for one in (model, loaded))
    assert first["expression_distance"] == second["expression_distance"]
    assert first["shift_reason"] == second["shift_reason"]
