"""Scales and places that would silently be wrong."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from spatialdata.models import ShapesModel
from spatialdata.transformations import Identity, Scale, get_transformation, set_transformation

import spacrd
from tests.making.image_sections import SIZE, hexagons, make_adata, make_sdata, render
from tests.making.pixel_encoder import KEY, extract, facts
from tests.making.platforms.tissue import squares
from tests.making.platforms.xenium import LIGHT, PIXEL_UM, read_xenium


def found(table, **arguments) -> dict:
    """Record of the patches of an AnnData."""
    spacrd.pp.extract_patches(table, encoder="pixels", **arguments)
    return facts(table)


def bins(pitch_px: float, **factors) -> ad.AnnData:
    """Bins of Visium HD as `scanpy.read_visium` reads them."""
    xy, array = squares(20, 20, pitch_px, 200.0)
    spots = pd.DataFrame(np.hstack([array, xy]), columns=["array_row", "array_col", "x", "y"])
    table = make_adata(spots)
    table.uns["spatial"]["one"]["scalefactors"] = {"spot_diameter_fullres": pitch_px, **factors}
    return table


def test_bins_of_an_anndata_have_the_scale_of_their_factors():
    table = bins(10.0, bin_size_um=8.0, microns_per_pixel=0.8)
    record = found(table)
    assert record["mpp"] == 0.8 and "microns_per_pixel" in record["mpp_source"] and record["patch_um"] == 112
    assert spacrd.pp.pseudospots(table).uns["spacrd"]["pseudospots"]["sections"]["one"]["um_per_unit"] == 0.8


def test_bins_of_unknown_size_are_not_taken_for_visium_spots():
    with pytest.raises(ValueError, match="Pass them as `mpp`"):
        found(bins(10.0))
    assert found(bins(10.0), mpp=0.8, patch_um=60.0)["mpp"] == 0.8


def test_coordinates_in_a_wrong_order_are_noticed():
    table = make_adata()
    table.obsm["spatial"] = np.random.default_rng(0).permutation(table.obsm["spatial"])
    with pytest.warns(spacrd.SpacrdWarning, match="do not fit the places of the spots.*wrong order"):
        found(table)


def test_a_diameter_alone_is_compared_with_the_distance_of_spots():
    xy, _ = squares(6, 6, 80.0, 100.0)
    table = make_adata(pd.DataFrame({"array_row": 0, "array_col": 0, "x": xy[:, 0], "y": xy[:, 1]}))
    table.uns["spatial"]["one"]["scalefactors"]["spot_diameter_fullres"] = 40.0  # legacy ST: 100 of 200 um
    with pytest.warns(spacrd.SpacrdWarning, match="130 um apart, and those of Visium 100"):
        found(table)


def test_regions_and_pseudospots_use_the_stored_diameter_too():
    table = make_adata(hexagons().assign(array_row=0, array_col=0))
    sections = spacrd.pp.pseudospots(table, diameter_um=120.0).uns["spacrd"]["pseudospots"]["sections"]
    assert sections["one"]["um_per_unit"] == pytest.approx(65 / 39)


def test_columns_of_coordinates_go_by_their_names():
    wanted = make_adata()
    found(wanted)
    for names in (["y", "x"], ["pxl_row_in_fullres", "pxl_col_in_fullres"]):
        table = make_adata()
        xy = table.obsm["spatial"]
        table.obsm["spatial"] = pd.DataFrame(xy[:, ::-1], columns=names, index=table.obs_names)
        found(table)
        assert np.array_equal(table.obsm[KEY], wanted.obsm[KEY])
        assert spacrd.pp.pseudospots(table, diameter_um=120.0).obsm["spatial"].max() < SIZE
    table.obsm["spatial"] = xy.astype(str)
    table.obsm["spatial"][0, 0] = "left"
    with pytest.raises(TypeError, match="must hold numbers"):
        found(table)


def with_levels(*order: int):
    """A section whose scales are those of a pyramid in another order."""
    sdata = make_sdata(scale_factors=[2, 2])
    tree = sdata.images["one_full_image"]
    names = list(tree)
    sdata.images["one_full_image"] = xr.DataTree.from_dict(
        {name: tree[names[place]].ds for name, place in zip(names, order, strict=False)}
    )
    return sdata


def test_a_pyramid_upside_down_is_refused():
    extract(with_levels(0, 2))
    with pytest.raises(ValueError, match="no pyramid: 150 x 150 and 300 x 300 px"):
        extract(with_levels(2, 1, 0))


def test_the_image_of_the_slide_and_no_other():
    first, tenth = make_sdata(region="s1", image="s1_full_image"), make_sdata(region="s10", image="s10_hires_image")
    for sdata, system in ((first, "s1"), (tenth, "s10")):
        for name in (system, *sdata.images):
            set_transformation(sdata[name], get_transformation(sdata[name], system), "global")
    tenth.images["s1_full_image"] = first.images["s1_full_image"]
    assert facts(extract(tenth))["image"] == "s10_hires_image"


def test_a_coordinate_system_that_stretches_is_said():
    sdata = make_sdata()
    for name in ("one", "one_full_image"):
        set_transformation(sdata[name], Scale([2.0, 1.0], axes=("x", "y")), "one")
    with pytest.warns(spacrd.SpacrdWarning, match="'one' stretches image 'one_full_image' by 2"):
        extract(sdata, mpp=1.7)


def test_elements_in_micrometres_are_compared(xenium_folder):
    sdata = read_xenium(xenium_folder().path, **LIGHT)
    set_transformation(sdata.shapes["cell_boundaries"], Identity(), "global")
    with (
        pytest.warns(spacrd.SpacrdWarning, match="disagree.*'cell_boundaries'.*'nucleus_boundaries'"),
        pytest.warns(spacrd.SpacrdWarning, match="disagree.*'cell_boundaries'.*cells' coordinates in micrometres"),
    ):
        extract(sdata)


def test_own_spots_beside_the_cells_of_a_xenium_have_its_pixel_size(xenium_folder):
    sdata = read_xenium(xenium_folder().path, **LIGHT)
    own = make_sdata(region="grid")
    frame = own.shapes["grid"].set_geometry(own.shapes["grid"].geometry.scale(2, 2, origin=(0, 0)).translate(400, 400))
    del frame.attrs["transform"]
    sdata.shapes["grid"] = ShapesModel.parse(frame.iloc[:40], transformations={"global": Identity()})
    sdata.tables["table"] = own.tables["table"][:40].copy()
    with (
        pytest.warns(spacrd.SpacrdWarning, match="disagree.*pixel size.*array lattice"),
        pytest.warns(spacrd.SpacrdWarning, match="only 17 px wide"),
    ):
        record = facts(extract(sdata))
    assert record["mpp"] == pytest.approx(0.5, rel=1e-6) and "pixel size" in record["mpp_source"]
    assert record["patch_um"] == pytest.approx(39.0 * PIXEL_UM, rel=1e-6)


@pytest.mark.parametrize("bits", [8, 12])
def test_images_of_few_bits_in_16_are_not_read_as_black(bits):
    pixels = render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0).astype(np.uint16) << (bits - 8)
    with pytest.raises(ValueError, match=r"uint16.*at most \d+.*uint8"):
        found(make_adata(fullres=pixels))
    record = found(make_adata(fullres=pixels << (16 - bits)))
    assert record["n_patches"] > 0


def test_identifiers_of_another_type_are_named():
    sdata = make_sdata()
    sdata.tables["table"].obs["spot_id"] = sdata.tables["table"].obs["spot_id"].astype(str)
    with pytest.raises(KeyError, match="As text they would be the same, but they are .* and int64 there"):
        extract(sdata)


@pytest.mark.parametrize("element", ["one", "one_full_image"])
@pytest.mark.parametrize("scale_factors", [None, [2]])
def test_elements_without_transformations_are_named(element, scale_factors):
    sdata = make_sdata(scale_factors=scale_factors)
    lost = sdata[element]
    if scale_factors and element != "one":
        lost = next(iter(lost["scale0"].values()))
    del lost.attrs["transform"]
    with pytest.raises(ValueError, match="has lost its transformations"):
        extract(sdata)


def test_one_image_for_overlapping_sections_is_refused():
    """Two pieces of tissue on one slide have one image; two slides whose library has the same name do not."""
    whole = make_adata()
    found(whole)
    whole.obs["piece"] = np.where(whole.obsm["spatial"][:, 0] < 300, "left", "right")
    wanted = whole.obsm.pop(KEY)
    spacrd.pp.extract_patches(whole, encoder="pixels", library_key="piece")
    assert np.array_equal(whole.obsm[KEY], wanted)
    second = make_adata()
    second.obsm["spatial"] += [17.0, 9.0]
    both = ad.concat([make_adata(), second], label="slide", keys=["a", "b"], uns_merge="first", index_unique="-")
    with pytest.raises(ValueError, match="has one image, 'one', but spots of section 'a'.*lie on each other"):
        spacrd.pp.extract_patches(both, encoder="pixels", library_key="slide")


def test_big_endian_images_are_read_right():
    pixels = render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0)
    wanted, table = make_adata(fullres=pixels), make_adata(fullres=(pixels.astype(np.uint16) << 8).astype(">u2"))
    for section in (wanted, table):
        found(section)
    assert np.array_equal(table.obsm[KEY], wanted.obsm[KEY])
