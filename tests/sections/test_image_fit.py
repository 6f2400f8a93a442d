"""An image of another section or at another scale is refused or questioned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from spatialdata import SpatialData
from spatialdata.models import Image2DModel, TableModel
from spatialdata.transformations import Identity, Translation, get_transformation, set_transformation

import spacrd
from spacrd._sections import NoImageError
from tests.making.image_sections import SIZE, make_adata, make_sdata, render
from tests.making.messages import messages_of
from tests.making.toys import as_anndata


def merged(*, shift=(0.0, 0.0), image="one_full_image", one_table=True):
    """Two samples merged by hand, with one coordinate system and one image."""
    one, two = make_sdata(image="one_full_image"), make_sdata(region="two", image="unused")
    for sdata in (one, two):
        for element in (*sdata.shapes.values(), *sdata.images.values()):
            (transformation,) = get_transformation(element, get_all=True).values()
            set_transformation(element, {"global": transformation}, set_all=True)
    set_transformation(two["two"], Translation(list(shift), axes=("x", "y")), "global")
    pixels = one["one_full_image"]
    if shift != (0.0, 0.0):
        wide = np.concatenate([np.asarray(pixels.data)] * 3, axis=2)
        pixels = Image2DModel.parse(wide, dims=("c", "y", "x"), transformations={"global": Identity()})
    tables = [one["table"], two["table"]]
    tables[1].obsm["spatial"] = tables[1].obsm["spatial"] + np.asarray(shift)
    if one_table:
        import anndata as ad

        whole = ad.concat(tables, index_unique="-")
        whole.obs["region"] = pd.Categorical(whole.obs["region"])
        table = TableModel.parse(whole, region=["one", "two"], region_key="region", instance_key="spot_id")
        tables = {"table": table}
    else:
        tables = {"table": tables[1], "other": tables[0]}
    return SpatialData(images={image: pixels}, shapes={"one": one["one"], "two": two["two"]}, tables=tables)


def extract(sdata, **arguments):
    spacrd.pp.extract_patches(sdata, encoder="colour", **arguments)
    return np.isfinite(sdata["table"].obsm["X_colour"]).all(axis=1)


@pytest.mark.parametrize("arguments", [{}, {"image_key": "one_full_image"}, {"coordinate_system": "global"}], ids=str)
def test_the_image_of_one_sample_is_not_cut_for_another(arguments):
    sdata = merged()
    with pytest.raises(NoImageError, match="lie on each other.*which is that of 'one', is not that of 'two'"):
        extract(sdata, **arguments)
    assert "X_colour" not in sdata["table"].obsm
    embedded = extract(sdata, region="one", **arguments)
    np.testing.assert_array_equal(embedded, sdata["table"].obs["region"] == "one")
    with pytest.raises(NoImageError, match="is not that of 'two'"):
        extract(merged(one_table=False))


def test_an_image_whose_name_says_nothing_is_taken_only_where_both_are_named():
    sdata = merged(image="he")
    with pytest.raises(NoImageError, match="can be of one of them only. Name both with `region` and `image_key`"):
        extract(sdata, image_key="he")
    embedded = extract(sdata, region="two", image_key="he")
    np.testing.assert_array_equal(embedded, sdata["table"].obs["region"] == "two")


@pytest.mark.parametrize("one_table", [True, False])
def test_samples_beside_each_other_share_an_image(one_table):
    sdata = merged(shift=(700.0, 0.0), image="slide", one_table=one_table)
    assert not messages_of(lambda: extract(sdata), "image")
    assert extract(sdata).all()


def pixels(side=SIZE):
    return render(np.diag([side / SIZE, side / SIZE, 1.0]), side, side).transpose(1, 2, 0)


@pytest.mark.parametrize("key", ["hires", "lowres"])
def test_a_full_resolution_image_under_another_name_is_questioned(key):
    table = make_adata(**{key: pixels()})
    table.uns["spatial"]["one"]["scalefactors"][f"tissue_{key}_scalef"] = 0.4
    (message,) = messages_of(lambda: extract_adata(table), "upper left corner")
    assert f"of image {key!r}, in 36 % of its width and 3" in message
    right = make_adata(**{key: pixels(240)})
    right.uns["spatial"]["one"]["scalefactors"][f"tissue_{key}_scalef"] = 0.4
    assert not messages_of(lambda: extract_adata(right), "corner")


def extract_adata(table):
    spacrd.pp.extract_patches(table, encoder="colour", patch_um=500)


def test_a_toy_with_its_full_image_as_hires_is_questioned():
    sdata = spacrd.datasets.toy_visium(n_rows=14, n_cols=14, n_genes=20)
    right, wrong = as_anndata(sdata), as_anndata(sdata)
    full = np.asarray(sdata["toy_full_image"]["scale0"]["image"]).transpose(1, 2, 0)
    wrong.uns["spatial"]["toy"]["images"]["hires"] = full
    assert not messages_of(lambda: spacrd.pp.extract_patches(right), "image 'hires'")
    assert messages_of(lambda: spacrd.pp.extract_patches(wrong), "upper left corner of image 'hires'")


def test_images_that_contradict_their_scale_factors_are_questioned():
    table = make_adata(hires=pixels(), lowres=pixels(60))
    (message,) = messages_of(lambda: extract_adata(table), "scale factors")
    assert "1200 x 1200 against 600 x 600 full-resolution pixels" in message
    assert not messages_of(lambda: extract_adata(make_adata(hires=pixels(300), lowres=pixels(60))), "scale factors")


def test_an_image_larger_than_space_ranger_writes_is_questioned():
    table = make_adata(lowres=np.zeros((1400, 1400, 3), np.uint8) + 200)
    table.uns["spatial"]["one"]["scalefactors"]["tissue_lowres_scalef"] = 1400 / 600
    assert messages_of(lambda: extract_adata(table), "larger than Space Ranger writes")


def test_coordinate_systems_that_place_an_image_apart_are_said():
    sdata = make_sdata()
    for element in (sdata["one"], sdata["one_full_image"]):
        set_transformation(element, Identity(), "global")
    assert not messages_of(lambda: extract(sdata), "Coordinate systems")
    set_transformation(sdata["one_full_image"], Translation([300.0, 0.0], axes=("x", "y")), "global")
    (message,) = messages_of(lambda: extract(sdata), "Coordinate systems")
    assert "'one' and 'global' place 'one' 300 px apart on image 'one_full_image'. 'one' is used" in message
    assert not messages_of(lambda: extract(sdata, coordinate_system="one"), "Coordinate systems")


@pytest.mark.real_data
def test_images_of_real_sections_are_not_questioned(real_data):
    for name in ("A1", "C2"):
        sdata = spacrd.datasets.her2st(real_data / "her2st", name)
        said = messages_of(lambda sdata=sdata: spacrd.pp.extract_patches(sdata))
        assert not [text for text in said if "px wide" not in text]
