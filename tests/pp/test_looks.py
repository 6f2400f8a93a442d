"""Transparent, grey, white and missing pixels: what is cut, and what is said before an encoder sees it."""

from __future__ import annotations

import numpy as np
import pytest
from spatialdata.models import Image2DModel
from spatialdata.transformations import get_transformation

import spacrd
from spacrd._sections import Placement
from spacrd._sections._images import SectionImage
from spacrd.image import Pyramid, as_rgb
from spacrd.pp._looks import check_looks
from tests.making.image_sections import SIZE, make_adata, make_sdata, render
from tests.making.messages import messages_of

N_LEFT = int((make_adata().obsm["spatial"][:, 0] <= SIZE / 2 - 19.5).sum())
"""Patches that lie in the left half of the image."""


def extract(data):
    spacrd.pp.extract_patches(data, encoder="colour")
    return (data if hasattr(data, "obsm") else data["table"]).obsm["X_colour"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_is_laid_over_white(dtype):
    top = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    block = np.zeros((4, 1, 3))
    block[:3] = np.array([0.2, 0.4, 0.6])[:, None, None]
    block[3, 0] = [0.0, 0.5, 1.0]
    rgb = as_rgb((block * top).astype(dtype))[0].astype(int)
    expected = np.array([[255, 255, 255], [153, 178.5, 204], [51, 102, 153]])
    np.testing.assert_allclose(rgb, expected, atol=1.6)


def test_missing_values_of_floats_are_white():
    block = np.full((3, 1, 2), 0.2, np.float32)
    block[1, 0, 1] = np.nan
    assert as_rgb(block)[0, 1, 1] == 255


@pytest.mark.parametrize("container", ["anndata", "spatialdata", "named"])
def test_transparent_background_is_cut_as_white(container):
    rgb = render(np.eye(3), SIZE, SIZE)
    alpha = np.full((1, SIZE, SIZE), 255, np.uint8)
    alpha[:, :, : SIZE // 2] = 0
    clear, white = np.concatenate([rgb, alpha]), rgb.copy()
    clear[:3, :, : SIZE // 2], white[:, :, : SIZE // 2] = 0, 255

    def build(pixels):
        if container == "anndata":
            return make_adata(fullres=pixels.transpose(1, 2, 0))
        sdata = make_sdata()
        old = sdata.images.pop("one_full_image")
        names = list("rgba")[: len(pixels)] if container == "named" else None
        sdata.images["one_full_image"] = Image2DModel.parse(
            pixels, dims=("c", "y", "x"), c_coords=names, transformations=get_transformation(old, get_all=True)
        )
        return sdata

    results = []
    for pixels in (clear, white):
        (message,) = messages_of(lambda pixels=pixels: results.append(extract(build(pixels))))
        assert f"{N_LEFT} of 85 patches are white all over" in message
    np.testing.assert_allclose(*results, atol=1e-3)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (render(np.eye(3), SIZE, SIZE)[:1], "has one channel"),
        (render(np.eye(3), SIZE, SIZE)[[0, 0, 0]], "is grey at all of 16 spots"),
        (np.full((3, SIZE, SIZE), 255, np.uint8), "is white or transparent at all of 16 spots"),
        (np.full((3, SIZE, SIZE), 65535, np.uint16), "is white or transparent"),
        (np.zeros((4, SIZE, SIZE), np.uint8), "is white or transparent"),
        (np.full((3, SIZE, SIZE), 200, np.uint8), "is of one colour at all of 16 spots"),
        (render(np.eye(3), SIZE, SIZE)[[0, 0, 0]] // 2 + np.uint8([[[0]], [[5]], [[8]]]), "is grey at all of 16 spots"),
    ],
)
def test_what_is_no_stained_tissue_is_said_before_it_is_embedded(pixels, words, monkeypatch):
    seen = []
    monkeypatch.setattr("spacrd.pp._extract.encoders.load", lambda *_, **__: seen.append(1) or 1 / 0)
    table = make_adata(fullres=pixels.transpose(1, 2, 0))

    def stopped():
        with pytest.raises(ZeroDivisionError):
            extract(table)

    (message,) = messages_of(stopped)
    assert words in message and seen


def test_an_image_of_nothing_but_nan_is_refused():
    table = make_adata(fullres=np.full((SIZE, SIZE, 3), np.nan, np.float32))
    with pytest.raises(ValueError, match="nothing but NaN at 16 spots"):
        extract(table)


def test_spots_where_half_of_an_image_is_nan_are_counted():
    pixels = render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0) / np.float32(255)
    pixels[:, : SIZE // 2] = np.nan
    (message,) = messages_of(lambda: extract(make_adata(fullres=pixels)))
    assert f"{N_LEFT} of 85 patches are white all over" in message and "transparent, masked or NaN" in message


def test_stained_tissue_is_not_questioned():
    assert not messages_of(lambda: extract(make_adata()))
    assert not messages_of(lambda: extract(make_sdata(scale=2.0, scale_factors=[2])))


def test_a_level_that_is_computed_from_the_whole_image_is_not_looked_at():
    import dask.array as da

    read = []

    def chunk(block_info):
        place = block_info[None]["chunk-location"]
        read.append(place)
        return np.full((3, 64, 64), 200, np.uint8)

    finest = da.map_blocks(
        chunk, chunks=((3,), (64,) * 60, (64,) * 60), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    levels = (finest, da.coarsen(np.max, finest, {1: 60, 2: 60}).rechunk((3, 64, 64)))
    image = SectionImage("lazy", Pyramid(levels, np.eye(3)))
    placement = Placement(np.full((40, 2), 32.0) + np.arange(40)[:, None] * 64, None, image=image)
    with pytest.warns(spacrd.SpacrdWarning, match="one colour"):
        check_looks(placement, np.ones(40, bool))
    assert 0 < len(read) < 3600 / 4
