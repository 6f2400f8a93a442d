"""Image files are opened lazily, with all their resolutions, and say how large their pixels are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from spacrd.image import open_image_file
from tests.making.image_sections import render
from tests.making.slides import (
    LOSSLESS,
    PYRAMIDS,
    halvings,
    write_ome,
    write_pillow,
    write_plain,
    write_pyramid,
    write_svs,
)

PIXELS = np.ascontiguousarray(render(np.eye(3), 300, 401).transpose(1, 2, 0))


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_kind_of_file_gives_the_pixels_it_was_written_from(tmp_path: Path, name: str) -> None:
    file = open_image_file(LOSSLESS[name](tmp_path / name, PIXELS))
    want = halvings(PIXELS, 2 if name in PYRAMIDS else 0)
    assert len(file.levels) == len(want)
    for level, pixels in zip(file.levels, want, strict=True):
        assert level.dtype == np.uint8
        assert np.array_equal(level.compute().transpose(1, 2, 0), pixels)


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
def test_compressed_tiles_are_decoded(tmp_path: Path, compression: str) -> None:
    (level,) = open_image_file(write_plain(tmp_path / "a.tif", PIXELS, compression=compression)).levels
    assert np.abs(level.compute().transpose(1, 2, 0).astype(int) - PIXELS).mean() < 3


def test_a_jpeg_is_read(tmp_path: Path) -> None:
    (level,) = open_image_file(write_pillow(tmp_path / "a.jpg", PIXELS)).levels
    assert np.abs(level.compute().transpose(1, 2, 0).astype(int) - PIXELS).mean() < 3


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    (level,) = open_image_file(write_pillow(tmp_path / "a.png", PIXELS).rename(tmp_path / "b.tif")).levels
    assert np.array_equal(level.compute().transpose(1, 2, 0), PIXELS)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("P", 3), ("LA", 4), ("RGBA", 4), ("CMYK", 3)])
def test_modes_of_pillow_become_colours(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(PIXELS).convert(mode).save(path)
    (level,) = open_image_file(path).levels
    assert level.shape == (channels, 300, 401)
    assert level.compute().std() > 10


def test_tiles_of_the_file_are_the_chunks(tmp_path: Path) -> None:
    file = open_image_file(write_pyramid(tmp_path / "a.tif", PIXELS))
    assert file.levels[0].chunks[0] == (3,)
    assert file.levels[0].chunks[1] == (64, 64, 64, 64, 44)


def test_levels_travel_to_other_processes(tmp_path: Path) -> None:
    level = open_image_file(write_pyramid(tmp_path / "a.tif", PIXELS)).levels[1]
    assert np.array_equal(pickle.loads(pickle.dumps(level)).compute(), level.compute())


def test_a_file_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    for name, write in (("a.png", write_pillow), ("a.tif", write_plain)):
        for shade in (10, 200):
            write(tmp_path / name, np.full((80, 80, 3), shade, np.uint8))
            (level,) = open_image_file(tmp_path / name).levels
            assert (level.compute() == shade).all()


def test_the_pixel_size_is_read_where_each_kind_of_file_states_it(tmp_path: Path) -> None:
    svs = open_image_file(write_svs(tmp_path / "a.svs", PIXELS, 0.4990))
    assert svs.mpp == pytest.approx(0.499) and "MPP" in svs.mpp_source
    ome = open_image_file(write_ome(tmp_path / "a.ome.tif", PIXELS, 0.25))
    assert ome.mpp == pytest.approx(0.25) and "PhysicalSizeX" in ome.mpp_source
    for unit, per_um in (("CENTIMETER", 1e4), ("INCH", 25400.0)):
        options = {"resolution": (per_um / 0.5, per_um / 0.5), "resolutionunit": unit}
        file = open_image_file(write_plain(tmp_path / "b.tif", PIXELS, **options))
        assert file.mpp == pytest.approx(0.5, rel=1e-3) and "resolution" in file.mpp_source


@pytest.mark.parametrize(
    "options",
    [{}, {"resolution": (72, 72), "resolutionunit": "INCH"}, {"description": "Aperio |MPP = |AppMag = 20"}],
    ids=["nothing", "72 dpi", "no number"],
)
def test_no_pixel_size_is_made_up(tmp_path: Path, options: dict) -> None:
    assert np.isnan(open_image_file(write_plain(tmp_path / "a.tif", PIXELS, metadata=None, **options)).mpp)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_text("no image")
    with pytest.raises(ValueError, match=r"a\.svs' is no image that can be read. Expected TIFF"):
        open_image_file(tmp_path / "a.svs")
    with pytest.raises(ValueError, match="is a folder"):
        open_image_file(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no image file .*b\.svs"):
        open_image_file(tmp_path / "b.svs")


def test_what_is_no_colour_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for shape, axes in (((5, 80, 80), "CYX"), ((4, 80, 80), "ZYX"), ((2, 3, 80, 80), "TCYX")):
        tifffile.imwrite(path, np.zeros(shape, np.uint8), photometric="minisblack", metadata={"axes": axes}, ome=True)
        with pytest.raises(ValueError, match=r"has the axes .*fluorescence, or a stack"):
            open_image_file(path)
    tifffile.imwrite(path, PIXELS, photometric="ycbcr")
    with pytest.raises(ValueError, match="stores its colours as YCBCR"):
        open_image_file(path)
    tifffile.imwrite(path, PIXELS[..., 0], photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    with pytest.raises(ValueError, match="stores its colours as PALETTE"):
        open_image_file(path)
    Image.fromarray(np.zeros((80, 80), np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="must have 8 bits a channel"):
        open_image_file(tmp_path / "a.png")
