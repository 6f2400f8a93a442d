"""STANDS and MEATRD: both learn to rebuild normal spots, and score what they cannot rebuild."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import spacrd
from spacrd.rivals import RivalScore, fit_and_score, get
from tests.rivals.cell_types import depth_trap, section
from tests.rivals.toys import auc

# Few and small steps of a large network, or many of a small one: the test can afford the latter.
OPTIONS = {
    "stands": {"hidden": 32, "pretrain_epochs": 30, "epochs": 2, "learning_rate": 2e-3},
    "meatrd": {"epochs": 8, "learning_rate": 1e-3},
}
NAMES = ["stands", "stands-both", "meatrd", "meatrd-both"]
TRAINING = [section("one", 1, side=11), section("two", 2, side=11)]
NEW_TYPE = section("new", 3, side=14)
DEEP = [depth_trap(f"deep {seed}", seed, side=14) for seed in (4, 5, 6)]


@cache
def fitted(name):
    return get(name, **OPTIONS[name.split("-")[0]]).fit(TRAINING, seed=0)


def score(name, scored, training=TRAINING, seed=0, **options) -> RivalScore:
    """Two epochs."""
    brief = {"epochs": 2, **({"hidden": 16} if name.startswith("stands") else {}), **options}
    (found,) = fit_and_score(get(name, **brief), training, held_out=[scored], seed=seed)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_new_cell_type_in_a_twentieth_of_the_spots_at_equal_depth_is_found(name: str) -> None:
    assert NEW_TYPE.target.mean() == pytest.approx(0.05, abs=0.01)
    assert auc(NEW_TYPE, fitted(name).score(NEW_TYPE).score) > 0.85


@pytest.mark.parametrize(
    ("name", "word", "low", "high"),
    [
        ("stands", "Little", 0.4, 0.7),
        ("stands-both", "Little", 0.4, 0.7),
        ("meatrd", "Backwards", 0.0, 0.45),
        ("meatrd-both", "Backwards", 0.0, 0.45),
    ],
)
def test_the_depth_trap_is_what_the_card_says(name: str, word: str, low: float, high: float) -> None:
    found = [auc(section, fitted(name).score(section).score) for section in DEEP]
    assert low < np.mean(found) < high, found
    assert spacrd.rivals.card(name).depth_trap.startswith(word)


@pytest.mark.parametrize("name", NAMES)
def test_two_epochs_give_a_score_to_every_spot_and_the_same_for_the_same_seed(name: str) -> None:
    state = torch.get_rng_state()
    found = score(name, TRAINING[0], training=TRAINING[1:])
    assert torch.equal(torch.get_rng_state(), state)
    assert np.isfinite(found.score).all() and found.score.min() == 0 and found.score.max() == 1
    np.testing.assert_array_equal(score(name, TRAINING[0], training=TRAINING[1:]).score, found.score)
    assert not np.array_equal(score(name, TRAINING[0], training=TRAINING[1:], seed=1).score, found.score)


@pytest.mark.parametrize("name", ["stands-both", "meatrd-both"])
def test_a_spot_without_a_patch_has_no_score_and_the_others_have(name: str) -> None:
    image = NEW_TYPE.image.copy()
    image[[3, 70]] = np.nan
    found = score(name, replace(NEW_TYPE, image=image), training=TRAINING[:1]).score
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [3, 70])
    with pytest.raises(spacrd.rivals.MissingInputError, match="no patch embedding"):
        score(name, replace(NEW_TYPE, image=None), training=TRAINING[:1])


@pytest.mark.parametrize("name", NAMES)
def test_spots_that_are_not_normal_teach_nothing(name: str) -> None:
    def poison(one):
        counts, image = one.counts.toarray(), one.image.copy()
        counts[one.target == 1] *= 50
        image[one.target == 1] = 1e3
        return replace(one, counts=type(one.counts)(counts), image=image)

    clean = score(name, NEW_TYPE, training=TRAINING[:1])
    dirty = score(name, NEW_TYPE, training=[poison(TRAINING[0])])
    np.testing.assert_array_equal(dirty.score, clean.score)
    assert dirty.threshold == clean.threshold


@pytest.mark.parametrize(("name", "other"), [("stands", "head"), ("meatrd", "program")])
def test_the_sign_is_the_papers_unless_another_is_asked_for(name: str, other: str) -> None:
    paper, turned = (score(name, NEW_TYPE, training=TRAINING[:1], **sign) for sign in ({}, {"sign": other}))
    np.testing.assert_allclose(turned.score, 1 - paper.score)
    assert turned.threshold is None
    with pytest.raises(ValueError, match="sign"):
        get(name, sign="best")


def test_the_threshold_of_stands_lies_between_most_spots_and_the_new_type() -> None:
    found = fitted("stands").score(NEW_TYPE)
    called = found.score >= found.threshold
    assert 0 < called.mean() < 0.3
    assert called[NEW_TYPE.target == 1].mean() > 0.5


def test_meatrd_on_pixels_says_what_it_lacks() -> None:
    with pytest.raises(spacrd.rivals.MissingInputError, match="32 x 32.*weights.*GPU.*modality='both'"):
        get("meatrd", modality="pixels").fit(TRAINING)


def test_a_masked_spot_is_rebuilt_without_its_own_rows() -> None:
    from spacrd.rivals._attention_graph import PaddedGraph
    from spacrd.rivals._meatrd_network import HOPS, Rebuilder

    torch.manual_seed(0)
    network = Rebuilder({"expression": 80, "image": 12}).eval()
    part = PaddedGraph.nearest(NEW_TYPE.xy, 4).layers(np.array([90, 3]), HOPS)
    rows = {"expression": torch.rand(len(part.nodes), 80), "image": torch.rand(len(part.nodes), 12)}
    before = network(rows, part)
    for values in rows.values():
        values[0] += 1
    after = network(rows, part)
    torch.testing.assert_close(after, before)
    for values in rows.values():
        values[2] += 1
    assert not torch.equal(network(rows, part)["expression"], before["expression"])
