"""SimpleNet: normal feature vectors against themselves with noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spacrd.features import SectionArrays
from spacrd.rivals import MissingInputError, fit_and_score, get, without_labels

from .toys import DIM, auc, toy


def thin(seed: int, shift: float) -> SectionArrays:
    """Normal vectors lie close to a plane; those of the tumour are moved off it."""
    section, random = toy(seed), np.random.default_rng(seed + 100)
    fixed = np.random.default_rng(5)
    plane, off = fixed.normal(size=(2, DIM)), fixed.normal(size=DIM)
    image = random.normal(size=(144, 2)) @ plane + 0.01 * random.normal(size=(144, DIM))
    image[section.target == 1] += shift * off
    return replace(section, image=image)


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_a_new_kind_of_vector_is_found(shift: float) -> None:
    training, unseen = [thin(seed, shift) for seed in range(2)], [thin(seed, shift) for seed in range(2, 8)]
    results = fit_and_score(get("simplenet", epochs=40), training, held_out=unseen)
    # An AUC of 144 spots that mean nothing has a standard deviation of .05, the mean of six sections one of .02.
    found = np.mean([auc(section, result.score) for section, result in zip(unseen, results, strict=True)])
    assert found > 0.95 if shift else 0.4 < found < 0.6


def test_depth_does_not_matter() -> None:
    sections = [toy(seed, strength=0.0, cancer_depth=2.0) for seed in range(3)]
    fitted = get("simplenet", epochs=5).fit(sections[:2])
    score = fitted.score(without_labels(sections[2])).score
    assert abs(auc(sections[2], score) - 0.5) < 0.15
    deeper = replace(sections[2], counts=sections[2].counts * 2)
    assert np.array_equal(score, fitted.score(deeper).score)


def test_a_spot_without_a_patch_has_no_score_and_is_not_learned_from() -> None:
    section = toy(0, side=6)
    section.image[:3] = np.nan
    score = get("simplenet", epochs=2).fit([section]).score(without_labels(section)).score
    assert np.array_equal(np.isnan(score), np.arange(36) < 3)


def test_what_is_missing_is_said() -> None:
    section = toy(0, side=6)
    with pytest.raises(MissingInputError, match="needs the patches themselves and ImageNet weights of WideResNet50-2"):
        get("simplenet", form="pixels").fit([section])
    with pytest.raises(MissingInputError, match="No training spot is labelled normal"):
        get("simplenet").fit([replace(section, target=np.ones(36, np.float32))])
    fitted = get("simplenet", epochs=1).fit([section])
    with pytest.raises(ValueError, match="embedding of 3 columns"):
        fitted.score(replace(section, image=section.image[:, :3]))
