"""The sections of one object, and several objects, in one call."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import spacrd
from tests.image.sections import SIZE, hexagons, make_adata
from tests.pp.colour import KEY, colours, extract


def two_libraries():
    spots = hexagons()
    a, b = make_adata(spots), make_adata(spots, library="two", fullres=np.full((SIZE, SIZE, 3), 77, np.uint8))
    both = ad.concat([a, b], label="sample", keys=["one", "two"])
    both.uns["spatial"] = {**a.uns["spatial"], **b.uns["spatial"]}
    return both[np.random.default_rng(0).permutation(both.n_obs)].copy()


def test_several_libraries_each_have_their_picture():
    table = extract(two_libraries(), library_key="sample")
    two = (table.obs["sample"] == "two").to_numpy()
    assert (table.obsm[KEY][two] == 77).all()
    assert np.abs(table.obsm[KEY][~two] - colours(table.obsm["spatial"][~two])).max() < 1
    assert set(table.uns["spacrd"][KEY]["sections"]) == {"one", "two"}


def test_one_region_after_the_other():
    table = extract(two_libraries(), library_key="sample", region="two")
    two = (table.obs["sample"] == "two").to_numpy()
    assert np.isnan(table.obsm[KEY][~two]).all() and (table.obsm[KEY][two] == 77).all()
    assert (
        table.obs["spacrd_in_image"].to_numpy()[two].all() and not table.obs["spacrd_in_image"].to_numpy()[~two].any()
    )
    extract(table, library_key="sample", region="one")
    assert np.array_equal(table.obsm[KEY], extract(two_libraries(), library_key="sample").obsm[KEY])
    assert set(table.uns["spacrd"][KEY]["sections"]) == {"one", "two"}
    spacrd.encoders.register("other", lambda p: p.mean((1, 2))[:, :2], dim=2, size=16)
    with pytest.raises(ValueError, match="3 columns"):
        spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample", region="one")


def test_sections_of_one_slot_share_their_encoder():
    table = extract(two_libraries(), library_key="sample", region="two")
    spacrd.encoders.register("other", lambda p: p.mean((1, 2)), dim=3, size=16)
    with pytest.raises(ValueError, match="made with encoder='colour', not 'other'"):
        spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample", region="one")
    spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample")


def test_library_without_its_entry():
    table = two_libraries()
    table.obs["sample"] = table.obs["sample"].astype(str).replace("two", "three")
    with pytest.raises(KeyError, match=r"'three'.*'one', 'two'"):
        extract(table, library_key="sample")
