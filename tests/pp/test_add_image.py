"""An image file that is added to a section lies where its alignment says, and is read no further than it must be."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import spatialdata
import tifffile
from spatialdata.models import Image2DModel, PointsModel, ShapesModel
from spatialdata.transformations import Affine, Identity, get_transformation

import spacrd
from tests.making import pixel_encoder
from tests.making.image_sections import make_sdata
from tests.making.platforms.folders import make_visium, make_xenium
from tests.making.platforms.tissue import move
from tests.making.platforms.xenium import LIGHT, read_xenium
from tests.making.slides import LOSSLESS, PYRAMIDS, bare, halvings, pixels_of, write_plain, write_pyramid

UM = 60.0
"""Side of the patches of these tests: the spots are 100 um apart."""


@pytest.fixture(autouse=True)
def _pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    pixel_encoder.register(monkeypatch)


def features(sdata, patch_um: float = UM, encoder: str = "pixels", **options) -> np.ndarray:
    done = spacrd.pp.extract_patches(sdata, encoder=encoder, patch_um=patch_um, copy=True, **options)
    return done["table"].obsm[f"X_{encoder}"]


def in_memory(pixels: np.ndarray, matrix: np.ndarray, n_levels: int):
    """A section with the same pixels as an element of arrays."""
    sdata = bare()
    placed = {"one": Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y"))}
    element = Image2DModel.parse(
        pixels.transpose(2, 0, 1),
        c_coords=["r", "g", "b"],
        scale_factors=[2] * n_levels or None,
        transformations=placed,
    )
    for number, level in enumerate(halvings(pixels, n_levels)) if n_levels else ():
        held = element[f"scale{number}"]["image"]
        element[f"scale{number}"]["image"] = held.copy(data=da.from_array(level.transpose(2, 0, 1)))
    sdata.images["he"] = element
    return sdata


def check_same(file: Path, view: dict, n_levels: int, encoder: str = "pixels") -> None:
    """Compare an added image with the same pixels in memory."""
    pixels, matrix = pixels_of(**view)
    sdata = bare()
    spacrd.pp.add_image(sdata, LOSSLESS[file.name](file, pixels), alignment=matrix, key="he")
    got, want = (features(each, encoder=encoder) for each in (sdata, in_memory(pixels, matrix, n_levels)))
    assert np.isfinite(got).all()
    assert np.array_equal(got, want)


@pytest.mark.parametrize("name", LOSSLESS)
def test_patches_are_those_of_the_same_pixels_in_memory(tmp_path: Path, name: str) -> None:
    check_same(tmp_path / name, {}, 2 if name in PYRAMIDS else 0)


@pytest.mark.parametrize("view", [{"scale": 2.0}, {"degrees": 7.0, "flip": True}], ids=str)
@pytest.mark.parametrize("name", PYRAMIDS)
def test_patches_of_a_pyramid_are_those_of_the_same_pixels_in_memory(tmp_path: Path, name: str, view: dict) -> None:
    check_same(tmp_path / name, view, 2)


def test_handcrafted_features_are_those_of_the_same_pixels_in_memory(tmp_path: Path) -> None:
    check_same(tmp_path / "slide.svs", {}, 2, "handcrafted")


def test_an_image_of_space_ranger_needs_no_alignment(tmp_path: Path) -> None:
    sdata, whole = bare(), make_sdata()
    sdata.shapes["one"].attrs["transform"]["downscaled"] = Affine(
        np.diag([0.5, 0.5, 1]), input_axes=("x", "y"), output_axes=("x", "y")
    )
    pixels, _ = pixels_of()
    spacrd.pp.add_image(sdata, str(write_plain(tmp_path / "he.tif", pixels)))
    assert list(sdata.images) == ["one_full_image"]
    assert set(get_transformation(sdata.images["one_full_image"], get_all=True)) == {"one", "downscaled"}
    assert np.array_equal(features(sdata), features(whole))


def test_a_real_layout_of_space_ranger_takes_its_image_later(tmp_path: Path) -> None:
    import spatialdata_io

    folder = make_visium(tmp_path / "outs", degrees=3.0, dataset_id="slide")
    image = next(tmp_path.rglob("he.tif"))
    early = spatialdata_io.visium(folder.path, dataset_id="slide", fullres_image_file=image)
    late = spatialdata_io.visium(folder.path, dataset_id="slide")
    spacrd.pp.add_image(late, image)
    assert set(early.images) == set(late.images)
    assert np.array_equal(features(late), features(early))


def test_a_xenium_image_is_placed_by_the_file_of_xenium_explorer(tmp_path: Path) -> None:
    folder = make_xenium(tmp_path, degrees=7.0, flip=True)
    with_image = read_xenium(folder.path, **LIGHT)
    sdata = read_xenium(folder.path, aligned_images=False, **LIGHT)
    (image,), (alignment,) = folder.path.glob("*he_image.ome.tif"), folder.path.glob("*alignment.csv")
    with pytest.raises(ValueError, match=r"cells of Xenium.*alignment"):
        spacrd.pp.add_image(sdata, image)
    spacrd.pp.add_image(sdata, image, alignment=alignment)
    assert list(sdata.images) == ["he_image"]
    got, want = (features(each, 40.0) for each in (sdata, with_image))
    assert np.array_equal(got, want, equal_nan=True)


def test_keypoints_of_xenium_explorer_place_an_image(tmp_path: Path) -> None:
    folder = make_xenium(tmp_path, degrees=7.0)
    sdata = read_xenium(folder.path, aligned_images=False, **LIGHT)
    (image,) = folder.path.glob("*he_image.ome.tif")
    to_morphology = np.loadtxt(next(folder.path.glob("*alignment.csv")), delimiter=",")
    on_image = np.array([[10.0, 20], [400, 50], [90, 600], [700, 700]])
    keypoints = np.hstack([move(to_morphology, on_image), on_image])
    names = ["fixedX", "fixedY", "alignmentX", "alignmentY"]
    pd.DataFrame(keypoints, columns=names).to_csv(tmp_path / "keypoints.csv", index=False)
    spacrd.pp.add_image(sdata, image, alignment=tmp_path / "keypoints.csv")
    matrix = get_transformation(sdata.images["he_image"], "global").to_affine_matrix(("x", "y"), ("x", "y"))
    np.testing.assert_allclose(matrix, to_morphology, atol=1e-6)


@pytest.mark.parametrize("view", [{"degrees": 30.0, "scale": 0.5}, {"flip": True, "degrees": 200.0}], ids=str)
def test_landmarks_place_an_image(tmp_path: Path, view: dict) -> None:
    pixels, matrix = pixels_of(**view)
    file = write_pyramid(tmp_path / "he.tif", pixels)
    on_image = np.array([[30.0, 20], [200, 60], [90, 250], [10, 10]])
    on_section = move(matrix, on_image)
    elements = bare()
    elements.points["marked"] = PointsModel.parse(on_section, transformations={"one": Identity()})
    elements.shapes["drawn"] = ShapesModel.parse(on_image, geometry=0, radius=5, transformations={"other": Identity()})
    for sdata, landmarks in ((bare(), (on_image, on_section)), (elements, ("drawn", "marked"))):
        spacrd.pp.add_image(sdata, file, landmarks=landmarks)
        placed = get_transformation(sdata.images["one_full_image"], "one").to_affine_matrix(("x", "y"), ("x", "y"))
        np.testing.assert_allclose(placed, matrix, atol=1e-6)


def test_a_transformation_of_spatialdata_is_an_alignment(tmp_path: Path) -> None:
    pixels, matrix = pixels_of(degrees=20.0)
    sdata = bare()
    file = write_plain(tmp_path / "he.tif", pixels)
    spacrd.pp.add_image(sdata, file, alignment=Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y")))
    assert np.array_equal(features(sdata), features(in_memory(pixels, matrix, 0)))


def test_tiles_far_from_the_spots_are_not_read(tmp_path: Path) -> None:
    small, _ = pixels_of()
    pixels = np.full((1200, 1600, 3), 230, np.uint8)
    pixels[600:, 1000:] = small
    file = write_pyramid(tmp_path / "he.tif", pixels)
    moved = np.array([[1, 0, -1000], [0, 1, -600], [0, 0, 1]])
    sdata = bare()
    spacrd.pp.add_image(sdata, file, alignment=moved)
    want = features(sdata)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.series[0].levels[0].keyframe
        segments = zip(page.dataoffsets, page.databytecounts, strict=True)
        far = [where for number, where in enumerate(segments) if number // 25 < 8 or number % 25 < 15]
    with file.open("rb+") as stream:
        for offset, length in far:
            stream.seek(offset)
            stream.write(b"\x00" * length)
    assert len(far) > 350
    again = bare()
    spacrd.pp.add_image(again, file, alignment=moved)
    assert np.array_equal(features(again), want)
    with pytest.raises(Exception, match="(?i)zlib|decompress"):
        again["one_full_image"]["scale0"]["image"].compute()


def test_an_image_survives_zarr(tmp_path: Path) -> None:
    sdata = bare()
    pixels, matrix = pixels_of(scale=2.0)
    spacrd.pp.add_image(sdata, write_pyramid(tmp_path / "he.tif", pixels), alignment=matrix)
    sdata.write(tmp_path / "one.zarr")
    again = spatialdata.read_zarr(tmp_path / "one.zarr")
    assert list(again["one_full_image"]) == ["scale0", "scale1", "scale2"]
    assert np.array_equal(features(again), features(sdata))


def test_threads_read_the_same(tmp_path: Path) -> None:
    sdata = bare()
    spacrd.pp.add_image(sdata, write_pyramid(tmp_path / "he.tif", pixels_of()[0]))
    alone, together = (features(sdata, n_workers=n, batch_size=7) for n in (1, 4))
    assert np.array_equal(alone, together)
