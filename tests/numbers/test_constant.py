"""Features that tell nothing, and values at the ends of what floats can hold, make no NaN."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import spacrd
from spacrd.features import SCALINGS, scale
from spacrd.nn._rvae import RVAE
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section


def constant(table, what):
    """The section with genes, image features, or both, that are the same everywhere."""
    table = table.copy()
    if what in ("some genes", "some of both"):
        dense = table.X.toarray()
        dense[:, 5:25], dense[:, 25:30] = 3, 0
        table.X = dense
    if what in ("all genes", "all of both"):
        table.X = np.full(table.shape, 2, dtype=np.float32)
    if what in ("some image features", "some of both"):
        table.obsm["X_mine"][:, 1:4] = [0, 1e6, -1e-6]
    if what in ("all image features", "all of both"):
        table.obsm["X_mine"][:] = np.float32(0.1)
    return table


WHAT = ["some genes", "all genes", "some image features", "all image features", "some of both", "all of both"]


@pytest.mark.parametrize("what", WHAT)
def test_a_section_of_constant_features_is_scored(both_model, what):
    target = constant(make_section(3), what)
    alike = what == "all of both"  # nothing tells spots apart, so nothing may seem to
    with pytest.warns(spacrd.SpacrdWarning, match="the same likelihood") if alike else nullcontext():
        spacrd.tl.score(target, both_model)
    assert target.obs[["spacrd_likelihood", "spacrd_uncertainty"]].notna().all(axis=None)
    assert np.isfinite(target.obsm["X_spacrd"]).all()
    if alike:
        assert np.ptp(target.obs["spacrd_likelihood"]) < 1e-3


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("recipe", ["networks", "published"])
@pytest.mark.parametrize("what", ["some of both", "all of both"])
def test_a_fit_on_constant_features(recipe, what):
    sections = [constant(make_section(seed), what) for seed in (1, 2)]
    model = spacrd.tl.fit(
        sections, "pathologist", positive=POSITIVE, recipe=small_recipe(recipe, members=1), max_epochs=2
    )
    for name, values in model.parts.tensors().items():
        assert values.isfinite().all(), name
    assert all(np.isfinite(value) for entry in model.history for value in entry.values() if isinstance(value, float))
    target = make_section(3)
    spacrd.tl.score(target, model)
    assert target.obs["spacrd_likelihood"].notna().all()


@pytest.mark.parametrize("scaling", [name for name in SCALINGS if name != "none"])
@pytest.mark.parametrize("value", [0.0, 1.0, -7.3, 1e-30, 1e30, -3e38])
def test_constant_columns_become_zero(scaling, value):
    rows = np.full((50, 3), value, dtype=np.float32)
    rows[:, 1] = np.arange(50)
    found = scale(rows, scaling, np.ones(50, dtype=bool)).rows(np.arange(50))
    assert np.isfinite(found).all()
    assert not found[:, [0, 2]].any()
    assert np.ptp(found[:, 1]) >= 1


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4, 1e12])
def test_log_variance_keeps_its_bound(size):
    torch.manual_seed(0)
    bounded, free = (RVAE(16, (8, 8), 4, bound) for bound in (8.0, None))
    free.load_state_dict(bounded.state_dict())
    fused = size * torch.randn(200, 16)
    mean, logvar = bounded.encode(fused)
    assert logvar.abs().max() <= 8.0
    sample = bounded.decode(torch.zeros_like(mean), logvar)
    assert sample.isfinite().all()
    if size < 1:  # within the bound it is hardly touched
        torch.testing.assert_close(logvar, free.encode(fused)[1], atol=1e-3, rtol=1e-3)
    if size > 100:
        assert free.encode(fused)[1].abs().max() > 8.0
