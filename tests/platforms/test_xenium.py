"""Patches of real Xenium folders, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from spatialdata import transform

import spacrd
from spacrd._sections import split_sections, um_per_unit
from tests.making.pixel_encoder import KEY, check, expected, extract, facts
from tests.making.platforms.folders import XENIUM_UM
from tests.making.platforms.tissue import camera, move, photograph
from tests.making.platforms.xenium import LIGHT, PIXEL_UM, read_xenium, write_he

VIEWS = [{}, {"mpp": 0.9}, {"degrees": 7.0}, {"degrees": 90.0}, {"flip": True}, {"degrees": 7.0, "flip": True}]


def in_global(folder, rows=slice(None)) -> np.ndarray:
    return folder.measured.xy_um[rows] / PIXEL_UM


@pytest.mark.parametrize("version", ["1.0.1", "1.5.0.3", "2.0.0.10", "3.1.0.4"])
def test_patches_of_every_xenium_version_lie_at_their_cells(xenium_folder, version):
    folder = xenium_folder(version)
    sdata = read_xenium(folder.path)
    table = extract(sdata)
    # The raster has its centroid within half a pixel of the cell.
    check(table, expected(in_global(folder), 112.0 / PIXEL_UM, folder.to_um))
    record = facts(table)
    assert record["image"] == "he_image" and record["coordinate_system"] == "global"
    assert record["patch_um"] == 112 and record["mpp"] == pytest.approx(0.5, rel=1e-6)
    assert "Xenium pixel size" in record["mpp_source"]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_patches_are_the_same_however_the_image_was_taken(xenium_folder, view):
    folder = xenium_folder(**view)
    table = extract(read_xenium(folder.path, **LIGHT), patch_um=60.0)
    check(table, expected(in_global(folder), 60.0 / PIXEL_UM, folder.to_um), 2.5)
    assert facts(table)["mpp"] == pytest.approx(folder.mpp, rel=1e-6)


@pytest.mark.parametrize("region", ["cell_labels", "cell_circles", "cell_boundaries"])
def test_patches_are_the_same_whatever_the_table_annotates(xenium_folder, region):
    folder = xenium_folder(degrees=7.0)
    sdata = read_xenium(folder.path, cells_as_circles=region == "cell_circles", **LIGHT)
    if region == "cell_boundaries":
        sdata.tables["table"].obs["region"] = "cell_boundaries"
        sdata.tables["table"].obs["region"] = sdata.tables["table"].obs["region"].astype("category")
        sdata.set_table_annotates_spatialelement("table", "cell_boundaries", "region", "cell_id")
    order = np.random.default_rng(0).permutation(sdata.tables["table"].n_obs)[:100]
    sdata.tables["table"] = sdata.tables["table"][order].copy()
    table = extract(sdata)
    check(table, expected(in_global(folder, order), 112.0 / PIXEL_UM, folder.to_um))
    assert facts(table)["mpp"] == pytest.approx(0.5, rel=1e-6)
    (section,) = split_sections(sdata)
    assert section.element == region and um_per_unit(section) == pytest.approx(1.0)


def he_only(folder, path, pixels, to_pixels, **options):
    """The section with another image."""
    import spatialdata_io

    sdata = read_xenium(folder.path, aligned_images=False, **LIGHT)
    to_morphology = np.diag([1 / PIXEL_UM, 1 / PIXEL_UM, 1]) @ np.linalg.inv(to_pixels)
    file = write_he(path, pixels, to_morphology)
    alignment = path / "made_he_imagealignment.csv"
    sdata.images["he_image"] = spatialdata_io.xenium_aligned_image(file, alignment, **options)
    return sdata


@pytest.mark.parametrize("scales", [None, [2, 2]], ids=["one scale", "three scales"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "rgba", "channels last"])
def test_every_kind_of_image_is_read(xenium_folder, tmp_path, kind, scales):
    folder = xenium_folder()
    to_pixels, *shape = camera(*XENIUM_UM, 0.5, degrees=7.0, shift=33.0)
    pixels = photograph(np.linalg.inv(to_pixels), *shape)
    if kind != "channels last":
        pixels = pixels.transpose(2, 0, 1)
    if kind == "uint16":
        pixels = pixels.astype(np.uint16) * 257
    if kind == "rgba":
        pixels = np.concatenate([pixels, np.full_like(pixels[:1], 255)])
    sdata = he_only(folder, tmp_path, pixels, to_pixels, image_models_kwargs={"scale_factors": scales})
    assert sdata.images["he_image"].__class__.__name__ == ("DataArray" if scales is None else "DataTree")
    table = extract(sdata)
    check(table, expected(in_global(folder), 112.0 / PIXEL_UM, folder.to_um), 2.5)
    assert facts(table)["level"] == (0 if scales is None else 2)


def test_cells_off_the_image_are_nan(xenium_folder, tmp_path):
    folder = xenium_folder()
    # The H&E shows the right part of the tissue only.
    to_pixels, *shape = camera(*XENIUM_UM, 0.5, shift=-150.0)
    sdata = he_only(folder, tmp_path, photograph(np.linalg.inv(to_pixels), *shape), to_pixels)
    with pytest.warns(UserWarning, match="lie off image 'he_image'"):
        table = extract(sdata)
    x, y = move(to_pixels, folder.measured.xy_um).T
    clear = np.abs(x) > 1, np.abs(y) > 1
    inside = (x > 0) & (y > 0) & (x < shape[1]) & (y < shape[0])
    assert 0 < inside.sum() < len(inside)
    assert (table.obs["spacrd_in_image"].to_numpy() == inside)[clear[0] & clear[1]].all()
    check(table, expected(in_global(folder), 112.0 / PIXEL_UM, folder.to_um))


def test_fluorescence_is_no_histology(xenium_folder):
    sdata = read_xenium(xenium_folder().path, aligned_images=False)
    with pytest.raises(ValueError, match=r"no image.*'morphology_focus'.*fluorescence"):
        extract(sdata)
    with (
        pytest.warns(spacrd.SpacrdWarning, match="'morphology_focus' has one channel, as fluorescence"),
        pytest.warns(spacrd.SpacrdWarning, match="252 of 252 patches are black or lack a colour"),
    ):
        table = extract(sdata, image_key="morphology_focus")
    assert facts(table)["mpp"] == pytest.approx(PIXEL_UM)


def test_cells_are_known_without_the_readers_note_and_shapes(xenium_folder):
    folder = xenium_folder()
    sdata = read_xenium(folder.path, cells_boundaries=False, nucleus_boundaries=False, **LIGHT)
    sdata.attrs.clear()
    table = extract(sdata)
    assert "coordinates in micrometres" in facts(table)["mpp_source"]
    assert facts(table)["mpp"] == pytest.approx(0.5, rel=1e-3)


def test_two_sources_that_disagree_are_named(xenium_folder):
    sdata = read_xenium(xenium_folder().path, **LIGHT)
    sdata.tables["table"].obsm["spatial"] = sdata.tables["table"].obsm["spatial"] * 2
    with pytest.warns(UserWarning, match=r"disagree.*pixel size.*coordinates in micrometres"):
        extract(sdata)


def test_patches_survive_zarr(xenium_folder, tmp_path):
    import spatialdata

    folder = xenium_folder(degrees=7.0)
    sdata = read_xenium(folder.path, **LIGHT)
    table = extract(sdata)
    sdata.write(tmp_path / "section.zarr")
    again = spatialdata.read_zarr(tmp_path / "section.zarr")
    assert np.array_equal(again.tables["table"].obsm[KEY], table.obsm[KEY])
    assert facts(again.tables["table"]) == facts(table)
    assert np.array_equal(extract(again).obsm[KEY], table.obsm[KEY])


def test_cells_are_drawn(xenium_folder):
    sdata = read_xenium(xenium_folder().path, **LIGHT)
    table = sdata.tables["table"]
    table.obs["spacrd_likelihood"] = np.linspace(0, 1, table.n_obs).astype(np.float32)
    table.uns["spacrd"] = {"spacrd": {"library_key": "", "sections": {"cell_labels": {"threshold": 0.5}}}}
    assert spacrd.pl.likelihood(sdata, show=False) is not None


@pytest.mark.parametrize("region", ["cell_labels", "cell_circles"])
def test_regions_of_cells_read_back_from_qupath_hold_the_same_cells(xenium_folder, tmp_path, region):
    """Through pixels of an H&E that lies turned and flipped, whatever the units of the cells."""
    folder = xenium_folder(degrees=7.0, flip=True)
    sdata = read_xenium(folder.path, cells_as_circles=region == "cell_circles", **LIGHT)
    table = sdata.tables["table"]
    um = table.obsm["spatial"]
    inside = um[:, 0] < 250
    table.obs["spacrd_likelihood"] = np.where(inside, 0.9, 0.1).astype(np.float32)
    table.obs["spacrd_region"] = np.where(inside, "cancer", "normal")
    table.uns["spacrd"] = {"spacrd": {"library_key": "", "sections": {region: {"threshold": 0.5}}}}
    found = spacrd.tl.regions(sdata, geojson=tmp_path / "cancer.geojson")
    assert 0.19 * 0.35 < found["area_mm2"].sum() < 0.21 * 0.40  # left of 250 um, as far as there are cells
    distance = table.obs["spacrd_boundary_distance"]
    assert np.array_equal(distance < 0, inside)
    far = um[:, 0] > 300  # here the front is what is nearest, and it runs between the cells
    assert np.abs(distance[far] - (um[far, 0] - 250)).max() < 25
    stored = transform(sdata.shapes["spacrd_regions"], to_coordinate_system="global")
    assert np.array_equal(shapely.intersects(stored.union_all(), shapely.points(um / PIXEL_UM)), inside)
    spacrd.pp.annotate(sdata, tmp_path / "cancer.geojson", key_added="back")
    assert np.array_equal(table.obs["back"] == "cancer", inside)
