"""What SpaCell-Plus, SimpleNet, Spatial-ID and STAGE have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spacrd.features import SectionArrays
from spacrd.rivals import card, get, without_labels

from .toys import toy

SYSTEMS: list[tuple[str, dict[str, Any]]] = [
    ("spacell-plus", {}),
    ("spacell-plus", {"variant": "program"}),
    ("spacell-plus", {"modality": "expression"}),
    ("simplenet", {}),
    ("simplenet", {"modality": "expression"}),
    ("spatial-id", {"stage": "dnn"}),
    ("spatial-id", {"graph_epochs": 2}),
    ("stage", {}),
    ("stage-one-class", {}),
]
BY_SPOT = [(name, options) for name, options in SYSTEMS if not card(name).transductive or options.get("stage") == "dnn"]


@pytest.fixture(scope="module")
def sections() -> list[SectionArrays]:
    return [toy(seed, side=7) for seed in range(3)]


@pytest.mark.parametrize(("name", "options"), SYSTEMS)
def test_every_spot_has_a_score_that_the_seed_decides(
    sections: list[SectionArrays], name: str, options: dict[str, Any]
) -> None:
    train, scored = sections[:2], without_labels(sections[2])
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    rival = get(name, epochs=2, **options)
    fitted = rival.fit(train, seed=1)
    score = fitted.score(scored).score
    assert score.shape == (49,) and np.isfinite(score).all() and np.ptp(score) > 0
    assert np.array_equal(score, fitted.score(scored).score)
    assert np.array_equal(score, rival.fit(train, seed=1).score(scored).score)
    assert not np.array_equal(score, rival.fit(train, seed=2).score(scored).score)
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(("name", "options"), BY_SPOT)
def test_scores_follow_the_rows(sections: list[SectionArrays], name: str, options: dict[str, Any]) -> None:
    fitted = get(name, epochs=2, **options).fit(sections[:2])
    order = np.random.default_rng(0).permutation(49)
    scored = without_labels(sections[2])
    shuffled = replace(scored, xy=scored.xy[order], counts=scored.counts[order], image=scored.image[order])
    assert fitted.score(shuffled).score == pytest.approx(fitted.score(scored).score[order], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(("name", "options"), [s for s in SYSTEMS if card(s[0]).kind == "one-class"])
def test_nothing_is_learned_from_spots_that_are_not_normal(
    sections: list[SectionArrays], name: str, options: dict[str, Any]
) -> None:
    poisoned = []
    for section in sections[:2]:
        counts, image, tumour = section.counts.toarray(), section.image.copy(), section.target == 1
        counts[tumour], image[tumour] = 1000.0 * np.arange(60), 1e6
        xy = np.where(tumour[:, None], -1e5, section.xy)
        poisoned.append(replace(section, counts=type(section.counts)(counts), image=image, xy=xy))
    rival, scored = get(name, epochs=2, **options), without_labels(sections[2])
    assert np.array_equal(rival.fit(sections[:2]).score(scored).score, rival.fit(poisoned).score(scored).score)
