"""Rivals as baselines of a cross-validation: by name or as objects, what they see, and what happens if one raises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.tl._cv import _run as _cv_run
from tests.making.validation import fake_spacrd, likelihoods, sections, validate

pytestmark = pytest.mark.filterwarnings("ignore:AUC, AP and KS")


class Mine:
    """A rival that keeps what it is shown, and scores by the first gene."""

    def __init__(self) -> None:
        self.fitted, self.scored = [], []

    def fit(self, sections, *, seed=0):
        self.fitted.append([(section.name, np.isfinite(section.target).any()) for section in sections])
        return self

    def score(self, section):
        self.scored.append((section.name, section.target, spacrd.rivals.digest(section)))
        return spacrd.rivals.RivalScore(section.counts[:, [0]].toarray().ravel())


class Broken(Mine):
    """A rival that raises in one fold."""

    def fit(self, sections, *, seed=0):
        if "section_1" not in [section.name for section in sections]:
            raise RuntimeError("no luck\ntoday")
        return super().fit(sections, seed=seed)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)


def test_an_object_runs_beside_names_and_sees_neither_held_out_sections_nor_their_labels():
    mine = Mine()
    result = validate(sections(), baselines=["depth", mine])
    assert list(result.metrics["model"].unique()) == ["spacrd", "depth", "Mine"]
    names = ["section_1", "section_2", "section_3"]
    for held_out, training, (name, target, _) in zip(names, mine.fitted, mine.scored, strict=True):
        assert name == held_out
        assert np.isnan(target).all()
        assert training == [(other, True) for other in names if other != held_out]


def test_all_rivals_get_the_same_inputs():
    one, other = Mine(), Mine()
    other.card = spacrd.rivals.RivalCard("other")
    validate(sections(), baselines=[one, other])
    assert [digest for *_, digest in one.scored] == [digest for *_, digest in other.scored]


def test_one_object_alone_is_a_list_of_one():
    assert set(validate(sections(2), baselines=Mine()).metrics["model"]) == {"spacrd", "Mine"}


def test_a_rival_that_raises_is_a_row_that_says_why():
    with pytest.warns(UserWarning, match="'Broken' has no likelihoods where 'section_1' is held out: no luck today"):
        result = validate(sections(), baselines=[Broken(), "depth"])
    rows = result.metrics.set_index(["model", "section"])
    assert rows.loc[("Broken", "section_1"), "reason"] == "no luck today"
    assert np.isnan(rows.loc[("Broken", "section_1"), "auc"])
    assert likelihoods(result, "section_1", "Broken").isna().all()
    assert rows.drop(("Broken", "section_1"))["auc"].notna().all()
    assert (rows.drop(("Broken", "section_1"))["reason"] == "").all()
    assert "Broken has none where 'section_1' is held out: no luck today" in repr(result)
    pd.testing.assert_frame_equal(result.evaluate(), result.metrics)


def test_a_rival_that_raises_runs_again_after_a_resume_and_finished_ones_are_read(tmp_path, monkeypatch):
    folder, data = tmp_path / "cv", sections(2)
    first = validate(data, baselines=["logistic own genes"], resume=folder)
    monkeypatch.setattr(_cv_run, "fit_and_score", None)  # nothing is fitted now
    again = validate(data, baselines=["logistic own genes"], resume=folder)
    pd.testing.assert_frame_equal(again.metrics, first.metrics, check_exact=True)
    with pytest.warns(UserWarning, match="'depth' has no likelihoods"):
        broken = validate(data, baselines=["depth"], resume=folder)
    assert broken.metrics.query("model == 'depth'")["auc"].isna().all()
    monkeypatch.undo()
    monkeypatch.setattr(_cv_run, "_spacrd", fake_spacrd)
    assert validate(data, baselines=["depth"], resume=folder).metrics["auc"].notna().all()


def test_ones_own_rival_is_fitted_anew_after_a_resume(tmp_path):
    mine, data = Mine(), sections(2)
    for _ in range(2):
        validate(data, baselines=[mine], resume=tmp_path / "cv")
    assert len(mine.fitted) == 4


def test_two_rivals_of_one_name_are_refused():
    with pytest.raises(ValueError, match="baselines are called 'Mine'"):
        validate(sections(2), baselines=[Mine(), Mine()])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (["svm"], ValueError, "baselines='svm' is not known"),
        ([Mine], TypeError, "method fit"),
        ([3], TypeError, "method fit"),
        (["signature"], TypeError, "options are 'genes'"),
        (["late-fusion"], ValueError, "'late-fusion' reads a patch embedding"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_rival_is_refused_before_any_fit(wrong, error, message):
    with pytest.raises(error, match=message):
        validate(sections(2), baselines=wrong, modality="expression")


def test_spacrd_among_the_baselines_is_the_model_itself():
    assert list(validate(sections(2), baselines=["spacrd"]).metrics["model"]) == ["spacrd", "spacrd"]
