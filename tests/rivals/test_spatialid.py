"""Spatial-ID: a classifier, and a graph of the scored section that learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from spacrd.features import SectionArrays
from spacrd.rivals import MissingInputError, get, without_labels
from spacrd.rivals._inputs import GeneSpace, total_counts
from spacrd.rivals._spatialid import profiles
from spacrd.rivals._spatialid_network import focal_loss

from .toys import auc, toy


def both_stages(train: Sequence[SectionArrays], scored: Sequence[SectionArrays], **options: int) -> tuple[float, float]:
    """Mean AUC of the classifier alone and of both stages."""
    both = get("spatial-id", **options).fit(train)
    alone = replace(both, options=get("spatial-id", stage="dnn"))
    first, second = (
        float(np.mean([auc(section, fitted.score(without_labels(section)).score) for section in scored]))
        for fitted in (alone, both)
    )
    return first, second


def test_the_graph_does_better_than_the_classifier_where_spots_are_noisy() -> None:
    sections = [toy(seed, side=24, strength=0.3, depth=60.0) for seed in range(3)]
    options = {"epochs": 10, "batch_size": 64, "graph_epochs": 60, "n_neighbors": 9}
    classifier, both = both_stages(sections[:1], sections[1:], **options)
    assert classifier > 0.6
    assert both > classifier + 0.02


def test_depth_is_nearly_lost_with_the_norm_of_a_profile() -> None:
    sections = [toy(seed, strength=0.0, depth=150.0, cancer_depth=2.0) for seed in range(5)]
    assert auc(sections[3], total_counts(sections[3])) > 0.9
    classifier, both = both_stages(sections[:3], sections[3:], epochs=20, batch_size=128, graph_epochs=40)
    assert 0.4 < classifier < 0.75
    assert 0.4 < both < 0.75


def test_a_spot_with_any_factor_of_its_counts_has_one_profile() -> None:
    section = toy(0, side=5)
    expected = section.counts.toarray().astype(np.float64)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert profiles(GeneSpace.of([section]), section) == pytest.approx(expected, abs=1e-6)


def test_the_focal_loss_is_that_of_its_paper() -> None:
    logits, target = torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)]]), torch.tensor([1, 1])
    expected = np.mean([-0.25 * 0.5**2 * np.log(0.5), -0.25 * 0.25**2 * np.log(0.75)])
    assert float(focal_loss(logits, target)) == pytest.approx(expected, rel=1e-5)


def test_scores_are_probabilities_and_the_cut_is_one_half() -> None:
    section = toy(0, side=6)
    result = get("spatial-id", epochs=2, graph_epochs=2).fit([section]).score(without_labels(section))
    assert result.probability and result.threshold == 0.5


def test_a_section_of_one_spot_is_refused_with_a_reason() -> None:
    section = toy(0, side=6)
    fitted = get("spatial-id", epochs=1, graph_epochs=1).fit([section])
    one = replace(section, xy=section.xy[:1], counts=section.counts[:1], target=section.target[:1])
    with pytest.raises(MissingInputError, match="1 spots are too few to train on"):
        fitted.score(one)
