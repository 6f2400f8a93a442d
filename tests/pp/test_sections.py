"""The sections of one object, and several objects, in one call."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import spacrd
from tests.making.colour_encoder import KEY, colours, extract
from tests.making.image_sections import SIZE, hexagons, make_adata, make_sdata

# The images of these tests are of one colour each.
pytestmark = pytest.mark.filterwarnings("ignore:Image .* is of one colour")


def two_libraries():
    spots = hexagons()
    a, b = make_adata(spots), make_adata(spots, library="two", fullres=np.full((SIZE, SIZE, 3), 77, np.uint8))
    both = ad.concat([a, b], label="sample", keys=["one", "two"])
    both.uns["spatial"] = {**a.uns["spatial"], **b.uns["spatial"]}
    return both[np.random.default_rng(0).permutation(both.n_obs)].copy()


def test_several_libraries_each_have_their_image():
    table = extract(two_libraries(), library_key="sample")
    two = (table.obs["sample"] == "two").to_numpy()
    assert (table.obsm[KEY][two] == 77).all()
    assert np.abs(table.obsm[KEY][~two] - colours(table.obsm["spatial"][~two])).max() < 1
    assert set(table.uns["spacrd"][KEY]["sections"]) == {"one", "two"}


def test_extracting_one_section_keeps_the_embedding_of_another():
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


def test_a_section_without_images_is_named():
    table = two_libraries()
    table.obs["sample"] = table.obs["sample"].astype(str).replace("two", "three")
    with pytest.raises(ValueError, match=r"'three'.*'one', 'two'"):
        extract(table, library_key="sample")


def grey(value=77, **arguments):
    return make_adata(fullres=np.full((SIZE, SIZE, 3), value, np.uint8), **arguments)


def test_several_objects_in_one_call_get_what_each_gets_alone():
    alone = extract(make_adata()).obsm[KEY]
    sections = [make_adata(), make_sdata(scale=2.0), grey()]
    assert spacrd.pp.extract_patches(sections, encoder="colour") is None
    assert np.array_equal(sections[0].obsm[KEY], alone)
    assert np.array_equal(sections[1].tables["table"].obsm[KEY], extract(make_sdata(scale=2.0)).obsm[KEY])
    assert (sections[2].obsm[KEY] == 77).all()
    assert sections[2].uns["spacrd"][KEY]["sections"]["one"]["n_patches"] == sections[2].n_obs


def test_several_objects_are_copied_as_a_list():
    sections = [make_adata(), grey(5)]
    copies = spacrd.pp.extract_patches(sections, encoder="colour", copy=True)
    assert [type(made) for made in copies] == [ad.AnnData] * 2 and (copies[1].obsm[KEY] == 5).all()
    assert all(KEY not in section.obsm and "spacrd" not in section.uns for section in sections)
    (one,) = spacrd.pp.extract_patches(sections[:1], encoder="colour", copy=True)
    assert np.array_equal(one.obsm[KEY], copies[0].obsm[KEY])


def test_a_mistake_in_one_object_changes_none():
    bad = make_adata()
    bad.uns["spatial"]["one"]["images"] = {}
    sections = [make_adata(), bad]
    with pytest.raises(ValueError, match="no image"):
        spacrd.pp.extract_patches(sections, encoder="colour")
    assert all(KEY not in section.obsm and "spacrd" not in section.uns for section in sections)
    with pytest.raises(ValueError, match="empty"):
        spacrd.pp.extract_patches([], encoder="colour")
    with pytest.raises(TypeError, match="got str. Read 'a.h5ad' first"):
        spacrd.pp.extract_patches(["a.h5ad"], encoder="colour")


def test_the_encoder_is_loaded_once_for_all(monkeypatch):
    loaded = []
    load = spacrd.encoders.load
    monkeypatch.setattr(spacrd.encoders, "load", lambda *a, **k: loaded.append(a) or load(*a, **k))
    spacrd.pp.extract_patches([make_adata(), grey()], encoder="colour")
    assert len(loaded) == 1


def test_unequal_patches_are_warned_of():
    wide = grey()
    wide.uns["spatial"]["one"]["scalefactors"]["spot_diameter_fullres"] = 60.0
    with (
        pytest.warns(UserWarning, match="65 um wide in one section and 100 in another"),
        pytest.warns(UserWarning, match="disagree.*array lattice.*stored spot diameter"),
    ):
        spacrd.pp.extract_patches([make_adata(), wide], encoder="colour")
