"""Small cross-validations."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

import spacrd
from spacrd.tl._cv import _run

from .recipes import SHORT
from .sections import LABEL, POSITIVE, make_section

CHEAP = ["logistic own genes", "concatenation MLP"]
"""Baselines that are fitted quickly."""


def section(seed: int, n: int = 49, **obs: Any) -> ad.AnnData:
    """A small section with further columns of obs."""
    table = make_section(seed, n=n)
    return table if not obs else ad_with(table, **obs)


def ad_with(table: ad.AnnData, **obs: Any) -> ad.AnnData:
    """The table with further columns of obs."""
    for column, values in obs.items():
        table.obs[column] = values
    return table


def sections(number: int = 3, **obs: Any) -> list[ad.AnnData]:
    """Small sections."""
    return [section(seed, **obs) for seed in range(number)]


def validate(data: Any, **arguments: Any) -> spacrd.tl.CrossValidation:
    """Cross-validate with the shortest training."""
    return spacrd.tl.cross_validate(data, LABEL, **{"recipe": SHORT, "positive": POSITIVE, **arguments})


def likelihoods(result: spacrd.tl.CrossValidation, name: str, model: str | None = None) -> pd.Series:
    """Likelihoods of one section, of all models or of one."""
    table = result.likelihoods[result.likelihoods["section"] == name]
    if model is not None:
        table = table[table["model"] == model]
    return table.set_index(["model", "seed", "spot"])["likelihood"]


def fake_spacrd(task: Any, settings: Any) -> list[pd.DataFrame]:
    """Stand in for a fit of spacrd: likelihoods that rise with the row."""
    sizes = {position: len(part.spots) for position, part in task.held_out.items()}
    return [
        _run._rows(i, np.linspace(0, 1, size), np.full(size, "normal", dtype=object), 0.5) for i, size in sizes.items()
    ]
