"""The score of a spot depends on its section and the model; not on blocks, workers, order, or who else is asked."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pytest

import spacrd
from spacrd.features import block_sizes
from spacrd.nn import _network
from tests.making.recipes import small_recipe
from tests.making.sections import POSITIVE, make_section
from tests.making.turns import lattice

TOLERANCE = 1e-6
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module", params=["default", "networks", "published"])
def model(request):
    sections = [make_section(1), make_section(2)]
    # The promise is for trained networks: votes that hardly differ between spots are stretched with their rounding.
    short = {"lr": 1e-3, "alignment_epochs": 8, "vae_epochs": 4, "fusion_epochs": 4}
    steps = short if request.param == "published" else {"lr": 1e-3, "min_steps": 45}
    # On this tissue the default would choose no propagation, which is to be tested, too.
    default = replace(spacrd.model.RECIPES["default"], propagation=0.9)
    recipe = default if request.param == "default" else small_recipe(request.param, members=1, **steps)
    return spacrd.tl.fit(sections, "pathologist", positive=POSITIVE, recipe=recipe)


def scored(table, model, **options):
    """Everything ``score`` says of each spot, by its name."""
    table = spacrd.tl.score(table, model, copy=True, **options)
    numbers = np.column_stack([table.obs[["spacrd_likelihood", "spacrd_uncertainty"]], table.obsm["X_spacrd"]])
    return dict(zip(table.obs_names, numbers.astype(np.float64), strict=True))


def assert_same(one, two):
    assert one.keys() == two.keys()
    for spot, wanted in one.items():
        np.testing.assert_allclose(two[spot], wanted, rtol=0, atol=TOLERANCE, err_msg=spot)


def twins(table):
    """Two spots at every place, four at some: what is nearest is a matter of ties."""
    table = table.copy()
    xy = np.asarray(table.obsm["spatial"])
    table.obsm["spatial"] = np.where((np.arange(len(xy)) % 9 < 4)[:, None], xy[::-1][:, ::-1], np.repeat(xy[::2], 2, 0))
    return table


def triplets(table):
    """Three spots at every place of a hexagonal lattice, so that twenty are near."""
    table = table.copy()
    table.obsm["spatial"] = np.repeat(lattice("hexagonal", 6, 100.0), 3, axis=0)[: table.n_obs]
    return table


@pytest.mark.parametrize("batch_size", [1, 2, 13, 89])
def test_batch_size_changes_no_score(model, batch_size):
    target = make_section(3)
    assert_same(scored(target, model), scored(target, model, batch_size=batch_size))


def test_blocks_of_every_kind_change_no_score(model, monkeypatch, tmp_path):
    target = make_section(3, n=130)
    wanted = scored(target, model)
    target.write_h5ad(tmp_path / "section.h5ad")
    monkeypatch.setattr(block_sizes, "read_bytes", 40 * 4 * 11)  # eleven spots of forty genes
    monkeypatch.setattr(_network, "CHUNK", 7)
    monkeypatch.setattr(block_sizes, "neighbourhoods", 5)
    monkeypatch.setattr(block_sizes, "rows", 17)
    assert_same(wanted, scored(target, model, batch_size=9))
    backed = ad.read_h5ad(tmp_path / "section.h5ad", backed="r")
    assert_same(wanted, scored(backed, model))
    backed.file.close()


@pytest.mark.parametrize("arrange", [lambda table: table, twins, triplets], ids=["lattice", "twins", "triplets"])
def test_order_of_spots_changes_no_score(model, arrange):
    target = arrange(make_section(3))
    wanted = scored(target, model)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(target.n_obs)
        assert_same(wanted, scored(target[order].copy(), model))


def test_order_of_genes_and_further_genes_change_no_score(model):
    target = twins(make_section(3))
    wanted = scored(target, model)
    shuffled = target[:, np.random.default_rng(0).permutation(target.n_vars)].copy()
    assert_same(wanted, scored(shuffled, model))
    more = make_section(9, prefix="other")
    more.obs_names = target.obs_names
    wide = ad.concat([target, more], axis=1)
    wide.obsm, wide.uns = target.obsm, target.uns
    assert_same(wanted, scored(wide, model))


def test_other_sections_of_the_call_change_no_score(model):
    target = make_section(3)
    wanted = scored(target, model)
    empty = make_section(5, n=40)
    empty.X = empty.X * 0
    empty.X[0, 0] = 1
    parts = {"large": make_section(4, n=200), "mine": target, "odd": empty, "one": make_section(6)[:1].copy()}
    for names in (["mine", "large"], ["odd", "one", "mine"]):
        joint = ad.concat({name: parts[name] for name in names}, label="library")
        joint.uns = target.uns
        order = np.random.default_rng(1).permutation(joint.n_obs)
        found = scored(joint[order].copy(), model, library_key="library")
        assert_same(wanted, {spot: found[spot] for spot in wanted})
