"""Scores of what lies on disk, or in many blocks, are those of what lies in memory in one."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import zarr
from scipy.sparse import csr_matrix

import spacrd
from spacrd._sections import Stored
from spacrd._sections import _stored as stored_module
from spacrd.features import block_sizes
from spacrd.model import _infer
from tests.making.recipes import small_recipe
from tests.making.sections import make_section


@pytest.fixture(scope="module", params=["minmax", "quantile", "zscore"])
def model(request, training_sections):
    recipe = small_recipe(scaling=request.param, fusion_epochs=2, lr=1e-3, min_steps=45)
    return spacrd.tl.fit(training_sections, "pathologist", positive="invasive cancer", recipe=recipe)


@pytest.fixture
def table():
    made = make_section(3, n=130)
    made.obsm["X_mine"][[4, 77]] = np.nan
    return made[np.random.default_rng(0).permutation(made.n_obs)].copy()


@pytest.fixture
def small_blocks(monkeypatch):
    """Several blocks, columns, reads and stretches even for a small section."""
    monkeypatch.setattr(block_sizes, "rows", 23)
    monkeypatch.setattr(block_sizes, "column_bytes", 4 * 130 * 3)
    monkeypatch.setattr(block_sizes, "read_bytes", 4 * 40 * 30)
    monkeypatch.setattr(stored_module, "ROWS", 8)


def likelihood(data, model, **options):
    scored = data.copy() if isinstance(data.X, csr_matrix) else data
    spacrd.tl.score(scored, model, **options)
    return scored.obs["spacrd_likelihood"].to_numpy(), scored.obsm["X_spacrd"], scored.uns["spacrd"]["spacrd"]


def backed(table, path):
    table.write_h5ad(path / "t.h5ad")
    return ad.read_h5ad(path / "t.h5ad", backed="r")


def backed_dense(table, path):
    dense = table.copy()
    dense.X = table.X.toarray()
    return backed(dense, path)


def lazy(table, path):
    pytest.importorskip("xarray")
    table.write_zarr(path / "t.zarr")
    found = ad.experimental.read_lazy(path / "t.zarr")
    found.obs, found.var = found.obs.to_memory(), found.var.to_memory()
    return found


def by_hand(table, path):
    table.write_zarr(path / "t.zarr")
    group = zarr.open(path / "t.zarr", mode="r")
    found = ad.AnnData(ad.io.sparse_dataset(group["X"]), obs=table.obs, var=table.var, uns=table.uns)
    found.obsm["spatial"] = table.obsm["spatial"]
    found.obsm["X_mine"] = group["obsm/X_mine"]
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("opened", [backed, backed_dense, lazy, by_hand])
def test_scores_from_disk_are_those_from_memory(model, table, small_blocks, tmp_path, opened, monkeypatch):
    wanted, latent, record = likelihood(table, model)
    sizes = []
    read = Stored._read
    monkeypatch.setattr(Stored, "_read", lambda self, a, b: sizes.append((b - a) * self.sparse) or read(self, a, b))
    found, found_latent, found_record = likelihood(opened(table, tmp_path), model)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(found_latent, latent, atol=1e-5)
    one, two = found_record["sections"]["section"], record["sections"]["section"]
    for name in ("threshold", "expression_distance", "image_distance", "expected_share", "median_counts"):
        assert one[name] == pytest.approx(two[name], rel=1e-5), name
    assert len(sizes) > 10
    assert opened is lazy or max(sizes) < 130  # dask reads the chunks that it is given


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_blocks_do_not_change_the_scores(model, table, monkeypatch, request):
    wanted, latent, _ = likelihood(table, model)
    request.getfixturevalue("small_blocks")
    found, found_latent, _ = likelihood(table, model, batch_size=7)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(found_latent, latent, atol=1e-5)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_memory_of_the_section_is_not_changed(model, table):
    before = table.copy()
    likelihood(table, model)
    np.testing.assert_array_equal(table.X.toarray(), before.X.toarray())
    np.testing.assert_array_equal(table.obsm["X_mine"], before.obsm["X_mine"])


def test_stored_rows_in_any_order(tmp_path):
    values = np.arange(60, dtype=np.int16).reshape(20, 3)
    array = zarr.create_array(tmp_path / "a.zarr", data=values, chunks=(6, 3))
    rows = np.array([3, 19, 7, 0, 12, 13])
    some = Stored(array, rows, sparse=False)
    assert some.shape == (6, 3)
    np.testing.assert_array_equal(some[:], values[rows])
    np.testing.assert_array_equal(some[np.array([5, 0, 0, 2])], values[rows[[5, 0, 0, 2]]])
    np.testing.assert_array_equal(some[np.arange(6) > 3], values[rows[4:]])
    assert some[:0].shape == (0, 3)
    sparse = Stored(array, rows, sparse=True)[1:4]
    assert isinstance(sparse, csr_matrix) and sparse.dtype == np.float32
    np.testing.assert_array_equal(sparse.toarray(), values[rows[1:4]])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_fit_reads_what_lies_on_disk(training_sections, tmp_path):
    recipe = small_recipe(members=1, calibrated=False, propagation=0.0)
    options = {"positive": "invasive cancer", "recipe": recipe}
    wanted = spacrd.tl.fit(training_sections[:1], "pathologist", **options)
    found = spacrd.tl.fit([backed(training_sections[0], tmp_path)], "pathologist", **options)
    assert found.id == wanted.id


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_out_of_memory_halves_the_batch(both_model, table, monkeypatch):
    import torch

    wanted, _, _ = likelihood(table, both_model)
    forward, sizes = _infer.SpaCRDNetwork.forward, []

    def small_device(self, batch):
        sizes.append(len(batch.index))
        if sizes[-1] > 40:
            raise torch.OutOfMemoryError("no room")
        return forward(self, batch)

    monkeypatch.setattr(_infer.SpaCRDNetwork, "forward", small_device)
    with pytest.warns(UserWarning, match="ran out of memory with 100 spots"):
        found, _, _ = likelihood(table, both_model, batch_size=100)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert 25 in sizes

    def no_device(self, batch):
        raise torch.OutOfMemoryError("no room at all")

    monkeypatch.setattr(_infer.SpaCRDNetwork, "forward", no_device)
    with pytest.raises(torch.OutOfMemoryError, match="no room at all"):
        likelihood(table, both_model, batch_size=4)


def test_a_lazy_table_is_refused_with_what_to_do(model, table, tmp_path):
    pytest.importorskip("xarray")
    table.write_h5ad(tmp_path / "x.h5ad")
    lazy = ad.experimental.read_lazy(tmp_path / "x.h5ad")
    for call in (
        lambda: spacrd.tl.score(lazy, model),
        lambda: spacrd.tl.fit([lazy], "pathologist", positive="invasive cancer"),
        lambda: spacrd.pp.extract_patches(lazy),
        lambda: spacrd.metrics.evaluate(lazy, "pathologist", positive="invasive cancer"),
    ):
        with pytest.raises(TypeError, match=r"read_lazy.*to_memory\(\)"):
            call()
