"""SpaCell-Plus: image and expression side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spacrd.features import SectionArrays
from spacrd.rivals import MissingInputError, fit_and_score, get, without_labels

from .toys import auc, toy


def blind(section: SectionArrays) -> SectionArrays:
    """The same with an image that tells nothing, not even where a spot lies."""
    random = np.random.default_rng(int(section.name.removeprefix("toy_")) + 1000)
    return replace(section, image=random.normal(size=section.image.shape))


def mute(section: SectionArrays) -> SectionArrays:
    """The same with expression that tells nothing."""
    return replace(section, counts=toy(int(section.name.removeprefix("toy_")) + 1000, strength=0.0).counts)


@pytest.mark.parametrize("variant", ["intended", "program"])
@pytest.mark.parametrize("spoiled", [blind, mute])
def test_both_branches_are_read_but_the_program_reads_the_image_alone(spoiled, variant: str) -> None:
    sections = [spoiled(toy(seed)) for seed in range(6)]
    results = fit_and_score(get("spacell-plus", variant=variant, epochs=5), sections[:2], held_out=sections[2:])
    found = np.mean([auc(section, result.score) for section, result in zip(sections[2:], results, strict=True)])
    if spoiled is blind and variant == "program":
        assert 0.4 < found < 0.6
    else:
        assert found > 0.85


def test_depth_is_found_through_the_noise_of_profiles_but_not_by_the_program() -> None:
    sections = [toy(seed, strength=0.0, depth=150.0, cancer_depth=2.0) for seed in range(4)]
    (intended,) = fit_and_score(get("spacell-plus", epochs=5), sections[:3], held_out=sections[3:])
    assert 0.55 < auc(sections[3], intended.score) < 0.95
    program = get("spacell-plus", variant="program", epochs=2).fit(sections[:3])
    deeper = replace(sections[3], counts=sections[3].counts * 2)
    assert np.array_equal(program.score(sections[3]).score, program.score(deeper).score)


def test_a_spot_without_a_patch_is_scored_by_its_expression() -> None:
    sections = [toy(seed, side=6) for seed in range(2)]
    for section in sections:
        section.image[:4] = np.nan
    result = get("spacell-plus", epochs=2).fit(sections).score(without_labels(sections[0]))
    assert np.isfinite(result.score).all() and result.probability and result.threshold == 0.5
    alone = get("spacell-plus", epochs=2, modality="image").fit(sections).score(without_labels(sections[0]))
    assert np.array_equal(np.isnan(alone.score), np.arange(36) < 4)


def test_what_is_missing_is_said() -> None:
    without, narrow = toy(0, side=6, image=False), toy(1, side=6)
    with pytest.raises(MissingInputError, match="No training section has a patch embedding"):
        get("spacell-plus").fit([without])
    fitted = get("spacell-plus", epochs=1).fit([narrow])
    with pytest.raises(ValueError, match="embedding of 3 columns, the training sections have 8"):
        fitted.score(replace(narrow, image=narrow.image[:, :3]))
    with pytest.raises(ValueError, match="network of both modalities"):
        get("spacell-plus", variant="program", modality="image")
    assert np.isfinite(get("spacell-plus", modality="expression", epochs=1).fit([without]).score(without).score).all()
