"""iStar: expression predicted from the image is less noisy than that of single spots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import spacrd
from spacrd.rivals import fit_and_score, get
from spacrd.rivals._tissue_markers import marker_counts
from tests.rivals.toys import GENES, MARKERS, auc, toy

MARKER_GENES = list(GENES[:MARKERS])
SHORT = {"markers": MARKER_GENES, "epochs": 20, "n_starts": 1, "learning_rate": 1e-3}


def score(section, seed=0, **options):
    (found,) = fit_and_score(get("istar", **{**SHORT, **options}), [], held_out=[section], seed=seed)
    return found


def mean_marker(section):
    """What iStar starts from, without image and super-pixels."""
    counts = marker_counts(section, MARKER_GENES)
    return (counts / counts.max(axis=0)).mean(axis=1)


def test_super_pixels_beat_the_spots_that_they_are_learned_from() -> None:
    # An image that tells the classes apart, and few counts: a single spot's markers are mostly noise.
    gains = []
    for seed in range(2):
        section = replace(toy(seed, strength=0.8, depth=30.0), image=toy(seed, strength=3.0).image)
        found = score(section, epochs=6, n_nearest=1).score
        gains.append(auc(section, found) - auc(section, mean_marker(section)))
    assert np.mean(gains) > 0.02, gains


def test_the_depth_trap_is_forward_most_of_all_where_the_image_tells_the_deep_spots_apart() -> None:
    deep = toy(2, strength=0.0, cancer_depth=2.0)
    blind = auc(deep, score(deep, epochs=4).score)
    assert 0.6 < blind < auc(deep, mean_marker(deep))  # super-pixels follow the counts of their own spot, in part
    seen = replace(deep, image=toy(2, strength=2.0).image)
    assert auc(seen, score(seen, epochs=4).score) > max(blind, 0.9)
    assert spacrd.rivals.card("istar").depth_trap.startswith("Forward")


def test_scores_are_in_the_order_of_the_rows_and_the_same_for_the_same_seed() -> None:
    section = toy(1, side=8)
    image = section.image.copy()
    image[5] = np.nan
    section = replace(section, image=image)
    state = torch.get_rng_state()
    found = score(section, epochs=2, n_starts=2).score
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [5])
    np.testing.assert_array_equal(score(section, epochs=2, n_starts=2).score, found)
    assert not np.array_equal(score(section, seed=1, epochs=2, n_starts=2).score, found)


def test_the_best_other_class_is_subtracted() -> None:
    section = toy(1, side=8, strength=3.0)
    lower = list(GENES[MARKERS : 2 * MARKERS])
    found = score(section, others={"stroma": lower}, epochs=10)
    assert found.threshold == 0.0
    assert ((found.score > 0) == (section.target == 1)).mean() > 0.8
    assert score(section, epochs=1).threshold is None


def test_a_section_without_image_is_refused_and_not_guessed() -> None:
    with pytest.raises(spacrd.rivals.MissingInputError, match="no patch embedding"):
        score(toy(1, image=False))
    blank = replace(toy(1), image=np.full((144, 4), np.nan, dtype=np.float32))
    with pytest.raises(spacrd.rivals.MissingInputError, match="no spot with a patch embedding"):
        score(blank)
