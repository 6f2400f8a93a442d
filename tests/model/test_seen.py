"""Sections that a model has seen are recognised, and no others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from spacrd.model._known import LEAST, is_known, section_hash


def background(depths=(), image_mean=None, n_seen=0):
    return SimpleNamespace(depths=np.array(depths, dtype=float), image_mean=image_mean, n_seen=n_seen)


def test_order_of_spots_does_not_matter_and_counts_do():
    depths = np.arange(1.0, LEAST + 1)
    name = section_hash(background(depths))
    assert len(name) == 16 and int(name, 16)
    assert section_hash(background(depths[::-1])) == name
    assert section_hash(background(depths + 1e-3)) == name  # rounding errors of a sum
    assert section_hash(background([*depths[:-1], 99])) != name
    assert section_hash(background(depths, np.ones(3), LEAST)) == name  # counts tell, where there are any


def test_a_image_tells_where_there_are_no_counts():
    name = section_hash(background(image_mean=np.ones(3), n_seen=LEAST))
    assert len(name) == 16
    assert section_hash(background(image_mean=np.ones(3) + 1e-12, n_seen=LEAST)) == name
    assert section_hash(background(image_mean=np.array([1.0, 1.0, 1.1]), n_seen=LEAST)) != name
    assert section_hash(background(image_mean=np.ones(3), n_seen=LEAST + 1)) != name


@pytest.mark.parametrize(
    "small",
    [background(), background(np.arange(LEAST - 1)), background(image_mean=np.ones(3), n_seen=LEAST - 1)],
)
def test_a_few_spots_are_never_known(small):
    assert section_hash(small) == ""
    for facts in ({}, {"fingerprints": ""}, {"fingerprints": "abc def"}):
        assert not is_known(small, facts)


def test_known_is_what_is_listed():
    seen = background(np.arange(20))
    assert is_known(seen, {"fingerprints": f"abc {section_hash(seen)}"})
    assert not is_known(seen, {"fingerprints": "abc"})
    assert not is_known(seen, {})
