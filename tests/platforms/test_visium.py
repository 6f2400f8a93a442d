"""Patches of real Space Ranger folders, pixel by pixel."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import spacrd
from tests.making.pixel_encoder import KEY, check, expected, extract, facts
from tests.making.platforms.tissue import camera, hexagonal, photograph, poisson
from tests.making.platforms.visium import read_visium, write_visium

VIEWS = [{}, {"degrees": 7.0}, {"degrees": 90.0}, {"flip": True}, {"degrees": 7.0, "flip": True, "mpp": 0.7}]


def centres(sdata) -> np.ndarray:
    return np.asarray(sdata.shapes["slide"].geometry.get_coordinates())[sdata.tables["table"].obs["spot_id"]]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_patches_of_every_space_ranger_version_lie_at_their_spots(visium_folder, version):
    folder = visium_folder(version)
    sdata = read_visium(folder.path)
    table = extract(sdata)
    check(table, expected(centres(sdata), 65.0, folder.to_um))
    record = facts(table)
    assert record["image"] == "slide_full_image" and record["coordinate_system"] == "slide"
    assert record["patch_um"] == pytest.approx(65, rel=1e-3) and record["patch_px"] == pytest.approx(65, rel=1e-3)
    # Version 1 rounds positions to pixels.
    assert record["mpp"] == pytest.approx(1.0, rel=1e-3) and "100 um pitch" in record["mpp_source"]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_patches_are_the_same_however_the_slide_lies_in_the_image(visium_folder, view):
    folder = visium_folder(**view)
    sdata = read_visium(folder.path)
    table = extract(sdata, patch_um=90.0)
    check(table, expected(centres(sdata), 90.0 / folder.mpp, folder.to_um))
    assert facts(table)["mpp"] == pytest.approx(folder.mpp, rel=1e-6)


@pytest.mark.parametrize(("image", "mpp"), [("hires", 1100 / 900), ("lowres", 1100 / 300)])
def test_reduced_images_have_their_own_scale(visium_folder, image, mpp):
    folder = visium_folder()
    sdata = read_visium(folder.path, full=False)
    arguments = {} if image == "hires" else {"image_key": "slide_lowres_image"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = extract(sdata, **arguments)
    # Interpolated between pixels of 1.3 and 4 um; the colours change by a level each micrometre.
    check(table, expected(centres(sdata), 65.0, folder.to_um), 3.0 if image == "hires" else 6.0)
    record = facts(table)
    assert record["image"] == f"slide_{image}_image"
    longest = max(read_visium(folder.path).images["slide_full_image"]["scale0"]["image"].shape)
    assert record["mpp"] == pytest.approx(longest / {"hires": 900, "lowres": 300}[image], rel=1e-3)


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.filterwarnings("ignore")  # scanpy says that its reader will go
def test_folders_read_by_scanpy_give_the_same_patches(visium_folder, version):
    import scanpy

    folder = visium_folder(version)
    file = {1: "filtered_feature_bc_matrix.h5", 3: "slide_filtered_feature_bc_matrix.h5"}[version]
    adata = scanpy.read_visium(folder.path, count_file=file)
    spacrd.pp.extract_patches(adata, encoder="pixels")
    check(adata, expected(adata.obsm["spatial"], 65.0, folder.to_um), 3.0)
    assert facts(adata)["image"] == "hires" and "100 um pitch" in facts(adata)["mpp_source"]


def test_lowres_alone_is_named_too_coarse(visium_folder):
    sdata = read_visium(visium_folder().path)
    with pytest.warns(UserWarning, match="px wide in image 'slide_lowres_image'"):
        extract(sdata, image_key="slide_lowres_image")


def test_filtered_and_shuffled_tables_keep_their_patches(visium_folder):
    folder = visium_folder()
    whole = extract(read_visium(folder.path))
    sdata = read_visium(folder.path)
    order = np.random.default_rng(0).permutation(whole.n_obs)[:40]
    sdata.tables["table"] = sdata.tables["table"][order].copy()
    table = extract(sdata)
    assert list(table.obs_names) == list(whole.obs_names[order])
    assert np.array_equal(table.obsm[KEY], whole.obsm[KEY][order])
    check(table, expected(centres(sdata), 65.0, folder.to_um))


def test_spots_off_tissue_have_positions_but_no_row(visium_folder):
    kept = np.random.default_rng(0).random(72) < 0.6
    folder = visium_folder(2, in_tissue=Mask(kept))
    sdata = read_visium(folder.path)
    table = extract(sdata)
    assert table.n_obs == kept.sum()
    check(table, expected(centres(sdata), 65.0, folder.to_um))


class Mask(np.ndarray):
    """A mask that can be a key."""

    def __new__(cls, values):
        return np.asarray(values).view(cls)

    def __hash__(self):
        return hash(self.tobytes())

    def __eq__(self, other):
        return self.tobytes() == np.asarray(other).tobytes()


def test_spots_off_the_image_and_at_its_border(tmp_path):
    xy, array = hexagonal(9, 8, margin=20.0)
    # The image begins 90 um to the right of the first spots.
    to_pixels, *shape = camera(*(xy.max(axis=0) + 20), 1.0, shift=-90.0)
    to_um = np.linalg.inv(to_pixels)
    outs = write_visium(tmp_path, poisson(xy, array), photograph(to_um, *shape), to_pixels)
    sdata = read_visium(outs)
    with pytest.warns(UserWarning, match="lie off image"):
        table = extract(sdata)
    x, y = centres(sdata).T
    off = (x < 0) | (y < 0) | (x > shape[1]) | (y > shape[0])
    near = (np.minimum(x, y) < 32.5) | (shape[1] - x < 32.5) | (shape[0] - y < 32.5)
    assert 0 < off.sum() < len(off) and np.array_equal(~table.obs["spacrd_in_image"].to_numpy(), off)
    assert np.array_equal(table.obs["spacrd_padded"].to_numpy(), near & ~off)
    check(table, expected(centres(sdata), 65.0, to_um))


@pytest.mark.parametrize("chunks", [(3, 97, 131), (1, 1000, 64)], ids=str)
def test_odd_chunks_change_no_patch(visium_folder, chunks):
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import Identity

    folder = visium_folder()
    sdata = read_visium(folder.path)
    pixels = sdata.images["slide_full_image"]["scale0"]["image"].data
    sdata.images["slide_full_image"] = Image2DModel.parse(
        pixels.rechunk(chunks), dims=("c", "y", "x"), transformations={"slide": Identity()}
    )
    check(extract(sdata), expected(centres(sdata), 65.0, folder.to_um))


def test_a_wrong_scale_is_refused_and_two_sources_are_compared(visium_folder, tmp_path):
    sdata = read_visium(visium_folder().path)
    for mpp in (0.05, 50.0):
        with pytest.raises(ValueError, match=r"0\.05 to 50"):
            extract(sdata, mpp=mpp)
    with pytest.raises(ValueError, match=r"5000 um is 5000 px wide"):
        extract(sdata, patch_um=5000.0)
    assert KEY not in sdata.tables["table"].obsm
    xy, array = hexagonal(6, 6)
    to_pixels, *shape = camera(*(xy.max(axis=0) + 150), 1.0)
    image = photograph(np.linalg.inv(to_pixels), *shape)
    outs = write_visium(tmp_path, poisson(xy, array), image, to_pixels, stored_um=120.0)
    with pytest.warns(UserWarning, match=r"disagree.*lattice.*stored spot diameter"):
        extract(read_visium(outs), patch_um=65.0)


def test_patches_survive_zarr_and_h5ad(visium_folder, tmp_path):
    import anndata as ad
    import spatialdata

    sdata = read_visium(visium_folder().path)
    table = extract(sdata)
    sdata.write(tmp_path / "section.zarr")
    again = spatialdata.read_zarr(tmp_path / "section.zarr")
    assert np.array_equal(again.tables["table"].obsm[KEY], table.obsm[KEY])
    assert facts(again.tables["table"]) == facts(table)
    assert np.array_equal(extract(again).obsm[KEY], table.obsm[KEY])
    table.write_h5ad(tmp_path / "table.h5ad")
    assert facts(ad.read_h5ad(tmp_path / "table.h5ad")) == facts(table)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "size"), [("visium_tiny", "hires"), ("visium_mouse_placenta", "lowres")])
def test_real_folders_have_the_right_scale(real_data, name, size):
    import spatialdata_io
    from spatialdata.transformations import get_transformation

    sdata = spatialdata_io.visium(real_data / name, dataset_id="real", counts_file="filtered_feature_bc_matrix.h5")
    table = extract(sdata)
    record = facts(table)
    assert record["image"] == f"real_{size}_image" and "lattice" in record["mpp_source"]
    assert 64 < record["patch_um"] < 70  # the lattice and the stored diameter agree as well as on real slides
    image = sdata.images[f"real_{size}_image"]
    factor = np.linalg.inv(get_transformation(image, "real").to_affine_matrix(("x", "y"), ("x", "y")))[0, 0]
    assert record["n_off_image"] == 0 and np.isfinite(table.obsm[KEY]).all()
    # The same square, cut by hand.
    row = table.n_obs // 2
    centre = table.obsm["spatial"][row] * factor
    left, top = np.rint(centre - record["patch_px"] / 2).astype(int)
    side = round(record["patch_px"])
    pixels = image.data[:3, top : top + side, left : left + side].compute()
    assert np.abs(table.obsm[KEY][row].reshape(-1, 3).mean(0) - pixels.mean((1, 2))).max() < 6
