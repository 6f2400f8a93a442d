"""What is refused, and that it changes nothing."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.colour_encoder import KEY, extract, section
from tests.making.image_sections import SIZE, make_adata, make_sdata


def _no_image(d):
    d.uns["spatial"]["one"]["images"] = {}


def _several(d):
    images = d.uns["spatial"]["one"]["images"]
    d.uns["spatial"]["one"]["images"] = {"a": images["fullres"], "b": images["fullres"]}


def _hires(d):
    images = d.uns["spatial"]["one"]["images"]
    images["fullres"] = images["fullres"][::4, ::4]


def _swapped(d):
    images = d.uns["spatial"]["one"]["images"]
    images["fullres"] = np.concatenate([images["fullres"]] * 3, axis=1)
    d.obsm["spatial"] = (d.obsm["spatial"] + [1100, 0])[:, ::-1].copy()


def _channels(d):
    d.uns["spatial"]["one"]["images"]["fullres"] = np.zeros((SIZE, SIZE, 5), np.uint8)


def _factor(d):
    d.uns["spatial"]["one"]["images"] = {"hires": np.zeros((300, 300, 3), np.uint8)}
    del d.uns["spatial"]["one"]["scalefactors"]["tissue_hires_scalef"]


@pytest.mark.filterwarnings("ignore:The spots are mirrored")
@pytest.mark.parametrize(
    ("damage", "arguments", "error", "message"),
    [
        (_no_image, {}, ValueError, "no image.*expression"),
        (lambda d: d.uns.pop("spatial"), {}, ValueError, "no image.*expression"),
        (_several, {}, ValueError, "several images and none is named: 'a', 'b'"),
        (_hires, {}, ValueError, "times as large"),
        (_swapped, {}, ValueError, "swapped"),
        (_channels, {}, ValueError, r"\(600, 600, 5\)"),
        (_factor, {}, KeyError, "tissue_hires_scalef"),
        (lambda d: d.obsm.pop("spatial"), {}, KeyError, "spatial"),
        (lambda d: d.obsm.update(spatial=d.obsm["spatial"] - 5000), {}, ValueError, "lie off the image"),
        (None, {"image_key": "hires"}, KeyError, "no image 'hires'.*'fullres'"),
        (None, {"encoder": "nothing"}, KeyError, "no encoder 'nothing'"),
        (None, {"region": "two"}, KeyError, "no region 'two'.*'one'"),
        (None, {"library_key": "sample"}, KeyError, "'sample'.*'array_row'"),
        (None, {"coordinate_system": "global"}, ValueError, "SpatialData"),
        (None, {"patch_um": -5}, ValueError, "patch_um"),
        (None, {"patch_um": "65"}, TypeError, "patch_um"),
        (None, {"mpp": 500}, ValueError, "0.05 to 50"),
        (None, {"key_added": "a/b"}, ValueError, "a/b"),
        (None, {"batch_size": 0}, ValueError, "batch_size"),
        (None, {"n_workers": 1.5}, TypeError, "n_workers"),
        (None, {"weights": "nowhere.pth"}, ValueError, "no weights"),
    ],
)
def test_input_errors_are_named_and_change_nothing(damage, arguments, error, message):
    adata = make_adata()
    if damage is not None:
        damage(adata)
    before = copy.deepcopy(adata)
    with pytest.raises(error, match=message):
        spacrd.pp.extract_patches(adata, **{"encoder": "colour", **arguments})
    assert set(adata.obsm) == set(before.obsm) and list(adata.obs) == list(before.obs)
    assert all(np.array_equal(adata.obsm[k], before.obsm[k], equal_nan=True) for k in adata.obsm)
    assert "spacrd" not in adata.uns and set(adata.uns) == set(before.uns)


def test_wrong_objects_are_refused():
    with pytest.raises(TypeError, match="DataFrame"):
        spacrd.pp.extract_patches(pd.DataFrame())
    empty = make_adata()[:0].copy()
    with pytest.raises(ValueError, match="empty"):
        spacrd.pp.extract_patches(empty)


@pytest.mark.parametrize(
    ("damage", "arguments", "error", "message"),
    [
        (lambda s: s.images.pop("one_full_image"), {}, ValueError, "no image.*expression"),
        (lambda s: s.images.update(other=s.images["one_full_image"]), {}, None, ""),
        (None, {"image_key": "he"}, KeyError, "no image 'he'.*'one_full_image'"),
        (None, {"table_key": "cells"}, KeyError, "no table 'cells'.*'table'"),
        (None, {"coordinate_system": "global"}, KeyError, "coordinate system.*'global'.*'one'"),
    ],
)
def test_input_errors_in_a_spatialdata_are_named_and_change_nothing(damage, arguments, error, message):
    sdata = make_sdata()
    if damage is not None:
        damage(sdata)
    if error is None:
        extract(sdata, **arguments)
        return
    with pytest.raises(error, match=message):
        extract(sdata, **arguments)
    assert KEY not in sdata.tables["table"].obsm


def test_several_images_without_the_name_of_the_reader():
    sdata = make_sdata(image="he_image")
    sdata.images["dapi"] = sdata.images["he_image"]
    with pytest.raises(ValueError, match=r"several images.*'he_image'"):
        extract(sdata)
    extract(sdata, image_key="dapi")


def test_the_finest_image_of_the_reader_is_taken():
    sdata = make_sdata()
    low = make_sdata(scale=0.1, image="one_lowres_image")
    sdata.images["one_lowres_image"] = low.images["one_lowres_image"]
    assert section(extract(sdata))["image"] == "one_full_image"
    with pytest.warns(UserWarning, match="4 px wide"):
        assert section(extract(sdata, image_key="one_lowres_image"))["image"] == "one_lowres_image"


def test_a_function_that_fails_leaves_the_input_alone():
    spacrd.encoders.register("broken", lambda p: np.full((len(p), 3), np.nan), dim=3, size=16)
    adata = make_adata()
    with pytest.raises(ValueError, match="not finite"):
        spacrd.pp.extract_patches(adata, encoder="broken")
    assert set(adata.obsm) == {"spatial"} and "spacrd" not in adata.uns
