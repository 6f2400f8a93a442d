"""Recipes by name, one's own, and changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacrd.model._recipe import RECIPES, get_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_have_names(name):
    assert get_recipe(name) == RECIPES[name]
    assert RECIPES[name].name == name


def test_only_what_is_given_changes():
    mine = replace(RECIPES["default"], name="mine", lr=0.5)
    assert get_recipe(mine, members=1, lr=None, batch_size=0) == replace(mine, members=1, batch_size=0)
    assert RECIPES["default"].members == 0


def test_unknown_recipes_are_refused():
    with pytest.raises(ValueError, match="^recipe='best' is not known. Choose one of .*default"):
        get_recipe("best")
