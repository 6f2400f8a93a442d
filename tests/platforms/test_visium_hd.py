"""Patches of a real Visium HD folder, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from spacrd._sections import Selection, split_sections, um_per_unit
from tests.making.pixel_encoder import KEY, check, expected, extract, facts
from tests.making.platforms.tissue import move
from tests.making.platforms.visium_hd import read_visium_hd


def centres(sdata, table, element) -> np.ndarray:
    middle = sdata.shapes[element].geometry.centroid.get_coordinates()
    key = table.uns["spatialdata_attrs"]["instance_key"]
    return middle.loc[table.obs[key]].to_numpy()


@pytest.fixture
def hd(hd_folder):
    def read(*sizes, **options):
        return read_visium_hd(hd_folder.path, sizes, **options)

    return read


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("squares", [True, False], ids=["squares", "circles"])
def test_bins_of_every_size_have_the_scale_of_their_name(hd, hd_folder, size, squares):
    sdata = hd(size, bins_as_squares=squares)
    table = extract(sdata, f"square_{size:03d}um")
    at = centres(sdata, table, f"hd_square_{size:03d}um")
    check(table, expected(at, 224.0, hd_folder.to_um))
    record = facts(table)
    assert record["image"] == "hd_full_image" and record["patch_um"] == 112
    assert record["mpp"] == pytest.approx(0.5, rel=1e-6) and "Visium HD scale factors" in record["mpp_source"]
    (section,) = split_sections(sdata, Selection(table_key=f"square_{size:03d}um"))
    assert um_per_unit(section) == pytest.approx(0.5, rel=1e-6)


def test_some_bins_of_two_micrometres_are_enough(hd, hd_folder):
    sdata = hd(2)
    order = np.random.default_rng(0).permutation(sdata.tables["square_002um"].n_obs)[:60]
    sdata.tables["square_002um"] = sdata.tables["square_002um"][order].copy()
    table = extract(sdata, "square_002um", patch_um=40.0)
    check(table, expected(centres(sdata, table, "hd_square_002um"), 80.0, hd_folder.to_um))


def test_bins_as_labels_have_the_scale_of_their_name(hd, hd_folder):
    from spatialdata import get_centroids

    sdata = hd(16, annotate_table_by_labels=True)
    table = extract(sdata, "square_016um")
    assert table.obs["region"].unique().tolist() == ["hd_square_016um_labels"]
    record = facts(table)
    assert record["mpp"] == pytest.approx(0.5, rel=1e-3) and record["patch_um"] == 112
    # spatialdata's raster lies half a bin off its bins (0.7.3): the patches lie where the raster does.
    raster = get_centroids(sdata.labels["hd_square_016um_labels"], "hd").compute()
    at = raster.loc[table.obs["relabeled_location_id"], ["x", "y"]].to_numpy()
    check(table, expected(at, 224.0, hd_folder.to_um))


def test_cells_take_the_scale_of_the_bins_beside_them(hd, hd_folder):
    sdata = hd(8)
    table = extract(sdata, "cell_segmentations")
    at = move(np.linalg.inv(hd_folder.to_um), cell_places(table))
    check(table, expected(at, 224.0, hd_folder.to_um))
    assert "bins 'hd_square_008um'" in facts(table)["mpp_source"]
    (section,) = split_sections(sdata, Selection(table_key="cell_segmentations"))
    assert um_per_unit(section) == pytest.approx(0.5, rel=1e-6)


def cell_places(table) -> np.ndarray:
    """Where the generator put these cells, in micrometres."""
    from tests.making.platforms.tissue import squares

    number = table.obs["cell_id"].str.extract(r"cellid_(\d+)-1")[0].astype(int).to_numpy()
    return squares(14, 18, 16.0, 112.0)[0][number - 1]


def test_cells_alone_ask_for_the_scale(hd, hd_folder):
    sdata = hd(load_segmentations_only=True)
    with pytest.raises(ValueError, match="microns_per_pixel"):
        extract(sdata, "cell_segmentations")
    table = extract(sdata, "cell_segmentations", mpp=0.5)
    check(table, expected(move(np.linalg.inv(hd_folder.to_um), cell_places(table)), 224.0, hd_folder.to_um))


def test_the_hires_image_has_its_own_scale(hd_folder):
    sdata = read_visium_hd(hd_folder.path, [16])
    table = extract(sdata, "square_016um", image_key="hd_hires_image")
    check(table, expected(centres(sdata, table, "hd_square_016um"), 224.0, hd_folder.to_um), 3.0)
    assert facts(table)["mpp"] == pytest.approx(0.5 * max(hd_shape(sdata)) / 600, rel=1e-3)


def hd_shape(sdata):
    return sdata.images["hd_full_image"]["scale0"]["image"].shape


def test_the_array_is_compared_with_the_scale_factors(hd):
    sdata = hd(8)
    table = sdata.tables["square_008um"]
    table.obs["array_row"], table.obs["array_col"] = table.obs["array_row"] * 2, table.obs["array_col"] * 2
    with pytest.warns(UserWarning, match=r"disagree.*scale factors.*lattice"):
        extract(sdata, "square_008um")


def test_patches_through_zarr(hd, tmp_path):
    import spatialdata

    sdata = hd(16)
    table = extract(sdata, "square_016um")
    sdata.write(tmp_path / "section.zarr")
    again = spatialdata.read_zarr(tmp_path / "section.zarr")
    assert np.array_equal(extract(again, "square_016um").obsm[KEY], table.obsm[KEY])
