"""The list of rivals: what exists, what is known of it, how one is made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import spacrd
from spacrd.rivals import RivalCard, RivalScore, _registry
from tests.rivals.toys import auc, toy


class Mine:
    """A user's own rival."""

    def __init__(self, *, sign: int = 1) -> None:
        self.sign = sign

    def fit(self, sections, *, seed=0):
        return self

    def score(self, section):
        return RivalScore(self.sign * section.xy[:, 0])


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    before = dict(_registry._registered)
    yield
    _registry._registered.clear()
    _registry._registered.update(before)


def test_no_torch_is_loaded_until_a_fit() -> None:
    code = "import sys, spacrd; spacrd.rivals.available(); print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"torch", "timm", "lightning", "squidpy", "spatialdata"} & set(done.stdout.split())


def test_all_cards_are_complete_and_all_names_are_of_one_style() -> None:
    table = spacrd.rivals.available()
    assert table.index.is_unique and table["title"].is_unique
    baselines = set(spacrd.rivals._baselines.RIVALS)
    assert table.index[~table.index.isin(baselines)].str.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*").all()
    assert (table["title"] != "").all() and (table["depth_trap"] != "").all()


def test_a_rival_of_ones_own_is_listed_and_made_with_its_options() -> None:
    spacrd.rivals.register("mine", Mine, card=RivalCard("mine", kind="control", labels="none"))
    assert spacrd.rivals.available().loc["mine", "kind"] == "control"
    assert spacrd.rivals.get("mine", sign=-1).sign == -1
    with pytest.raises(ValueError, match="already"):
        spacrd.rivals.register("mine", Mine)
    spacrd.rivals.register("mine", Mine, overwrite=True)
    assert spacrd.rivals.card("mine").kind == "supervised"


def test_a_built_in_rival_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="'depth' already"):
        spacrd.rivals.register("depth", Mine, overwrite=True)


def test_an_unknown_name_lists_what_exists() -> None:
    with pytest.raises(KeyError, match=r"'depth'.*Did you mean 'depth'.*register"):
        spacrd.rivals.get("deph")


def test_an_unknown_option_lists_those_there_are() -> None:
    spacrd.rivals.register("mine", Mine)
    with pytest.raises(TypeError, match=r"'mine'.*'sine'.*options are 'sign'"):
        spacrd.rivals.get("mine", sine=1)


def test_an_object_is_a_rival_as_it_is_but_a_class_is_not() -> None:
    mine = Mine()
    assert spacrd.rivals.get(mine) is mine
    for wrong in (Mine, 3):
        with pytest.raises(TypeError, match="method fit"):
            spacrd.rivals.get(wrong)
    with pytest.raises(TypeError, match="leave them out"):
        spacrd.rivals.get(mine, sign=1)


def test_an_object_has_the_card_it_carries_or_one_of_its_name() -> None:
    mine = Mine()
    assert spacrd.rivals.card(mine) == RivalCard("Mine")
    mine.card = RivalCard("my method", kind="knowledge")
    assert spacrd.rivals.card(mine).kind == "knowledge"


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), [0.5, np.inf]])
def test_scores_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="Scores must be"):
        RivalScore(wrong)


def test_probabilities_outside_0_and_1_are_refused() -> None:
    RivalScore([0.0, 1.0, np.nan], probability=True)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1.5"):
        RivalScore([0.0, 1.5], probability=True)
    with pytest.raises(ValueError, match="modality='gene'"):
        RivalCard("mine", modality="gene")


def test_spacrd_itself_reads_arrays_whose_embedding_has_no_name() -> None:
    training, held_out = [toy(1), toy(2)], toy(3)
    (found,) = spacrd.rivals.fit_and_score(spacrd.rivals.get("spacrd"), training, held_out=[held_out])
    assert auc(held_out, found.score) > 0.95
