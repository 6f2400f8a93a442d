"""Channels and axes of an image are what its element says they are."""

from __future__ import annotations

import numpy as np
import pytest
from spatialdata.models import Image2DModel
from spatialdata.transformations import Affine, get_transformation, set_transformation

import spacrd
from tests.making.image_sections import make_sdata


def embedded(change=None):
    sdata = make_sdata()
    if change is not None:
        old = sdata.images.pop("one_full_image")
        sdata.images["one_full_image"] = change(np.asarray(old.data), get_transformation(old, get_all=True))
    spacrd.pp.extract_patches(sdata, encoder="colour")
    return sdata["table"].obsm["X_colour"]


@pytest.mark.parametrize("names", ["bgr", "BGR", "agbr", ["blue", "DAPI", "red", "green", "Alpha"]], ids=str)
@pytest.mark.parametrize("scale_factors", [None, [2]])
def test_named_colours_are_put_in_order(names, scale_factors):
    def rename(pixels, transformations):
        place = {"r": 0, "g": 1, "b": 2}
        other = {"a": 255, "d": 0}  # all is opaque
        planes = [
            pixels[place[k]] if (k := n[0].lower()) in place else np.full_like(pixels[0], other[k]) for n in names
        ]
        return Image2DModel.parse(
            np.stack(planes),
            dims=("c", "y", "x"),
            c_coords=list(names),
            transformations=transformations,
            scale_factors=scale_factors,
        )

    np.testing.assert_allclose(embedded(rename), embedded(), atol=1e-3)


@pytest.mark.parametrize("names", [None, ["red", "red2", "blue"], ["DAPI", "a", "b"]], ids=str)
def test_other_names_leave_the_order(names):
    def rename(pixels, transformations):
        return Image2DModel.parse(pixels, dims=("c", "y", "x"), c_coords=names, transformations=transformations)

    np.testing.assert_array_equal(embedded(rename), embedded())


def test_images_with_channels_last_are_read_right():
    def turn(pixels, transformations):
        return Image2DModel.parse(pixels.transpose(1, 2, 0), dims=("y", "x", "c"), transformations=transformations)

    np.testing.assert_array_equal(embedded(turn), embedded())


@pytest.mark.parametrize("number", [0.0, np.nan])
@pytest.mark.parametrize("element", ["one", "one_full_image"])
def test_a_transformation_that_cannot_be_undone_is_named(number, element):
    sdata = make_sdata()
    flat = Affine(np.diag([1.0, number, 1.0]), input_axes=("x", "y"), output_axes=("x", "y"))
    set_transformation(sdata[element], flat, "one")
    with pytest.raises(ValueError, match="coordinate system 'one' cannot be undone"):
        spacrd.pp.extract_patches(sdata, encoder="colour")
