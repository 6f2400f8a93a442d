"""STAGE: expression through the place of a spot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spacrd.rivals import MissingInputError, fit_and_score, get
from spacrd.rivals._inputs import GeneSpace
from spacrd.rivals._stage import unit_places
from spacrd.rivals._stage_network import sliced_distance

from .toys import GENES, MARKERS, auc, toy

HIGH = GENES[:MARKERS]


def test_smoothed_markers_do_better_than_noisy_ones() -> None:
    section = toy(0, strength=0.5, depth=60.0)
    noisy = GeneSpace(HIGH, GENES).dense(section, "minmax").mean(axis=1)
    rival = get("stage", markers=list(HIGH), epochs=40, batch_size=36)
    (result,) = fit_and_score(rival, [toy(1)], held_out=[section])
    assert auc(section, result.score) > auc(section, noisy) + 0.05


def test_smoothed_markers_rise_with_depth() -> None:
    section = toy(3, strength=0.0, depth=150.0, cancer_depth=2.0)
    rival = get("stage", markers=list(HIGH), epochs=25, batch_size=36)
    (result,) = fit_and_score(rival, [toy(1)], held_out=[section])
    assert auc(section, result.score) > 0.6


@pytest.mark.parametrize(
    ("planted", "low", "high"),
    [({"strength": 0.0, "depth": 150.0, "cancer_depth": 2.0}, 0.0, 0.25), ({"strength": 2.0}, 0.8, 1.0)],
    ids=["depth, backwards", "a new kind of spot"],
)
def test_the_reconstruction_error_is_high_for_shallow_and_for_new_spots(planted, low: float, high: float) -> None:
    sections = [toy(seed, **planted) for seed in range(6)]
    results = fit_and_score(get("stage-one-class", epochs=8, batch_size=64), sections[:2], held_out=sections[2:])
    # One section of 144 spots has a standard deviation of .05; over other seeds the mean of six was .16 to .18.
    found = np.mean([auc(section, result.score) for section, result in zip(sections[2:], results, strict=True)])
    assert low <= found <= high


def test_markers_are_those_of_the_training_sections_unless_given() -> None:
    sections = [toy(seed) for seed in range(2)]
    assert set(get("stage", n_markers=MARKERS).fit(sections).markers) == set(HIGH)
    assert set(get("stage", markers=["GENE40"]).fit(sections).markers) == {"GENE40"}


def test_a_section_without_markers_is_refused() -> None:
    section = toy(0, side=6)
    fitted = get("stage", markers=["OTHER"]).fit([section])
    with pytest.raises(MissingInputError, match="none of the 1 markers"):
        fitted.score(section)
    with pytest.raises(ValueError, match="at least one gene name"):
        get("stage", markers="GENE1")


def test_places_lie_between_0_and_1_and_keep_their_shape() -> None:
    places = unit_places(np.array([[100.0, 50.0], [300.0, 50.0], [100.0, 150.0]]))
    assert places == pytest.approx(np.array([[0, 0], [1, 0], [0, 0.5]]))
    assert unit_places(np.array([[3.0, 4.0]])) == pytest.approx(np.zeros((1, 2)))


def test_the_sliced_distance_is_that_of_a_shift() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(50, 2, generator=generator)
    order = torch.randperm(50, generator=generator)
    assert float(sliced_distance(points, points[order])) == pytest.approx(0, abs=1e-10)
    # The mean of a squared cosine is a half.
    assert float(sliced_distance(points, points + torch.tensor([3.0, 0.0]))) == pytest.approx(4.5, rel=0.2)


def test_a_scored_section_of_one_spot_is_refused_with_a_reason() -> None:
    section = toy(0, side=6)
    one = replace(section, xy=section.xy[:1], counts=section.counts[:1], target=section.target[:1])
    with pytest.raises(MissingInputError, match="1 spots are too few to train on"):
        get("stage", markers=["GENE1"], epochs=1).fit([section]).score(one)
