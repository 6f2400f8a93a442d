"""The main job on the object the Visium reader returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.recipes import small_recipe
from tests.making.toys import POSITIVE


def toy(name, seed, **kwargs):
    return spacrd.datasets.toy_visium(library_id=name, seed=seed, n_rows=16, n_cols=16, n_genes=200, mpp=2, **kwargs)


@pytest.fixture(scope="module")
def sections():
    made = [toy("toy0", 1), toy("toy1", 2), toy("toy2", 4)]
    for sdata in made:
        spacrd.pp.extract_patches(sdata)
    return made


@pytest.fixture(scope="module")
def model(sections):
    return spacrd.tl.fit(sections[:2], "pathologist", positive=POSITIVE)


def test_a_model_of_two_sections_scores_a_third(sections, model):
    target = sections[2]
    assert model.config.image.key == "X_handcrafted"
    assert model.config.image.encoder == "handcrafted"
    assert model.config.image.patch_um == pytest.approx(65, rel=0.05)
    assert spacrd.tl.score(target, model) is None
    table = target["table"]
    assert table.uns["spacrd"]["spacrd"]["sections"]["toy2"]["modality"] == "image+expression"
    metrics = spacrd.metrics.evaluate(target, "pathologist", positive=POSITIVE)
    assert metrics["auc"].iloc[0] > 0.85


def test_copy_shares_the_image_and_not_the_table(sections, model):
    target = sections[2]
    columns = list(target["table"].obs.columns)
    copied = spacrd.tl.score(target, model, copy=True, key_added="again")
    assert "again_likelihood" in copied["table"].obs
    assert list(target["table"].obs.columns) == columns
    assert set(copied.images) == set(target.images)
    assert copied.images["toy2_full_image"] is target.images["toy2_full_image"]


def test_coordinates_without_obsm(sections, model):
    target = spacrd.tl.score(sections[2], model, copy=True)
    bare = spacrd.tl.score(sections[2], model, copy=True)
    del bare["table"].obsm["spatial"]
    spacrd.tl.score(bare, model)
    np.testing.assert_allclose(
        bare["table"].obs["spacrd_likelihood"], target["table"].obs["spacrd_likelihood"], atol=1e-5
    )


def test_largest_distance_in_micrometres(sections):
    model = spacrd.tl.fit(
        sections[:2], "pathologist", positive=POSITIVE, recipe=small_recipe(members=1), max_epochs=5, max_distance=110.0
    )
    assert model.config.max_distance_um == 110.0
    scored = spacrd.tl.score(sections[2], model, copy=True)
    assert scored["table"].obs["spacrd_likelihood"].notna().all()


def test_results_survive_zarr(sections, model, tmp_path):
    import spatialdata

    spacrd.tl.score(sections[2], model)
    sections[2].write(tmp_path / "scored.zarr")
    back = spatialdata.read_zarr(tmp_path / "scored.zarr")
    pd.testing.assert_series_equal(
        back["table"].obs["spacrd_likelihood"], sections[2]["table"].obs["spacrd_likelihood"], check_names=False
    )
    spacrd.tl.threshold(back)
    assert list(back["table"].obs["spacrd_region"].cat.categories) == ["normal", "cancer", "uncertain"]


def test_unknown_table_is_listed(sections, model):
    with pytest.raises(KeyError, match="no table 'tables'.*'table'"):
        spacrd.tl.score(sections[2], model, table_key="tables")


def test_squidpy_goes_on_from_here(sections, model):
    import squidpy as sq

    spacrd.tl.score(sections[2], model)
    table = sections[2]["table"]
    sq.gr.spatial_neighbors(table, coord_type="generic", n_neighs=6)
    sq.gr.nhood_enrichment(sections[2], "spacrd_region", table_key="table", n_perms=10, show_progress_bar=False)
    assert table.uns["spacrd_region_nhood_enrichment"]["zscore"].shape == (3, 3)
