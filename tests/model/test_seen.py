"""Sections that a model has seen are recognised, and no others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from spacrd.model._known import MIN_SPOTS, is_known, section_hash


def profile(depths=(), image_mean=None, n_image_spots=0):
    return SimpleNamespace(depths=np.array(depths, dtype=float), image_mean=image_mean, n_image_spots=n_image_spots)


def test_order_of_spots_does_not_matter_and_counts_do():
    depths = np.arange(1.0, MIN_SPOTS + 1)
    name = section_hash(profile(depths))
    assert len(name) == 16 and int(name, 16)
    assert section_hash(profile(depths[::-1])) == name
    assert section_hash(profile(depths + 1e-3)) == name  # rounding errors of a sum
    assert section_hash(profile([*depths[:-1], 99])) != name
    assert section_hash(profile(depths, np.ones(3), MIN_SPOTS)) == name  # counts tell, where there are any


def test_a_image_tells_where_there_are_no_counts():
    name = section_hash(profile(image_mean=np.ones(3), n_image_spots=MIN_SPOTS))
    assert len(name) == 16
    assert section_hash(profile(image_mean=np.ones(3) + 1e-12, n_image_spots=MIN_SPOTS)) == name
    assert section_hash(profile(image_mean=np.array([1.0, 1.0, 1.1]), n_image_spots=MIN_SPOTS)) != name
    assert section_hash(profile(image_mean=np.ones(3), n_image_spots=MIN_SPOTS + 1)) != name


@pytest.mark.parametrize(
    "small",
    [profile(), profile(np.arange(MIN_SPOTS - 1)), profile(image_mean=np.ones(3), n_image_spots=MIN_SPOTS - 1)],
)
def test_a_few_spots_are_never_known(small):
    assert section_hash(small) == ""
    for facts in ({}, {"section_hashes": ""}, {"section_hashes": "abc def"}):
        assert not is_known(small, facts)


def test_known_is_what_is_listed():
    seen = profile(np.arange(20))
    assert is_known(seen, {"section_hashes": f"abc {section_hash(seen)}"})
    assert not is_known(seen, {"section_hashes": "abc"})
    assert not is_known(seen, {})
