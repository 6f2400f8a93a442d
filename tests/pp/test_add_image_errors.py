"""What add_image refuses or warns of: pixel sizes, alignments, landmarks and names that cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spatialdata

import spacrd
from spacrd.image import open_image_file
from tests.making.image_sections import make_adata, make_sdata
from tests.making.slides import LOSSLESS, bare, pixels_of, write_plain, write_svs


@pytest.mark.parametrize(("stated", "warns"), [(1.667, False), (1.8, False), (0.25, True), (4.0, True)])
def test_a_pixel_size_that_contradicts_the_place_is_warned_of(
    tmp_path: Path, stated: float, warns: bool, recwarn: pytest.WarningsRecorder
) -> None:
    spacrd.pp.add_image(bare(), write_svs(tmp_path / "he.svs", pixels_of()[0], stated))
    texts = [str(warning.message) for warning in recwarn if warning.category is spacrd.SpacrdWarning]
    assert any(f"states {stated:.4g} um per pixel (MPP of the image description)" in text for text in texts) == warns
    assert any("those of 1.667 um per pixel" in text for text in texts) == warns


def test_a_reduced_image_is_not_taken_for_the_full_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image about 2 times as large"):
        spacrd.pp.add_image(bare(), write_plain(tmp_path / "he.tif", pixels_of(scale=0.45)[0]))


@pytest.mark.parametrize(
    ("alignment", "message"),
    [
        (np.eye(2), r"shape \(2, 2\); expected a 3 x 3"),
        (np.eye(3)[:2], r"shape \(2, 3\); expected a 3 x 3"),
        ([1, 2, 3], r"shape \(3,\); expected a 3 x 3"),
        (np.diag([1.0, 0, 1]), "singular"),
        (np.diag([1.0, np.nan, 1]), "NaN"),
        ([[1, 0, 0], [0, 1, 0], [50, 60, 1]], "last row.*looks transposed"),
        ([[1, 0, 0], [0, 1, 0], [0.1, 0, 2]], r"last row is \[0\.1, 0\.0, 2\.0\]"),
        (np.diag([1.0, 1, 1]) + [[0, 0, 9000], [0, 0, 0], [0, 0, 0]], "spots lie off the image"),
    ],
)
def test_an_alignment_that_cannot_be_is_refused(tmp_path: Path, alignment, message: str) -> None:
    sdata, file = bare(), write_plain(tmp_path / "he.tif", pixels_of()[0])
    with pytest.raises(ValueError, match=message):
        spacrd.pp.add_image(sdata, file, alignment=alignment)
    assert not sdata.images
    with pytest.raises(TypeError, match="3 x 3 matrix of numbers"):
        spacrd.pp.add_image(sdata, file, alignment=[["a"] * 3] * 3)


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.9])
@pytest.mark.parametrize("name", LOSSLESS)
def test_a_file_that_was_not_copied_whole_is_refused_before_it_is_read(tmp_path: Path, name: str, keep: float) -> None:
    file = LOSSLESS[name](tmp_path / name, pixels_of()[0])
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match="its end is missing"):
        spacrd.pp.add_image(bare(), file)


@pytest.mark.parametrize("text", ["1,0,0\n0,1,0\n", "1,0,0\n0,1,0\n0,0,x\n", "", "a;b\n", "\x89PNG\r\n"])
def test_an_alignment_file_that_holds_none_is_refused(tmp_path: Path, text: str) -> None:
    sdata, file = bare(), write_plain(tmp_path / "he.tif", pixels_of()[0])
    (tmp_path / "alignment.csv").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="alignment"):
        spacrd.pp.add_image(sdata, file, alignment=tmp_path / "alignment.csv")
    with pytest.raises(FileNotFoundError, match="no alignment file"):
        spacrd.pp.add_image(sdata, file, alignment=tmp_path / "other.csv")


def test_landmarks_that_cannot_be_are_refused(tmp_path: Path) -> None:
    sdata, file = bare(), write_plain(tmp_path / "he.tif", pixels_of()[0])
    good = np.array([[0.0, 0], [500, 0], [0, 500], [400, 300]])
    for bad, message in (
        (good[:3], "expected the same"),
        (good[:, :1], "expected the same"),
        (good[[0, 0, 0, 0]], "lie on a line"),
        (np.where(good == 300, np.nan, good), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            spacrd.pp.add_image(sdata, file, landmarks=(good, bad))
    with pytest.raises(ValueError, match="expected the same"):
        spacrd.pp.add_image(sdata, file, landmarks=(good[:2], good[:2]))
    with pytest.raises(ValueError, match="must be two"):
        spacrd.pp.add_image(sdata, file, landmarks=(good,))
    with pytest.raises(ValueError, match="Pass one"):
        spacrd.pp.add_image(sdata, file, landmarks=(good, good), alignment=np.eye(3))
    with pytest.raises(KeyError, match="no element of landmarks 'nowhere'"):
        spacrd.pp.add_image(sdata, file, landmarks=(good, "nowhere"))
    with pytest.warns(spacrd.SpacrdWarning, match="Are they in the same order"):
        spacrd.pp.add_image(sdata, file, landmarks=(good, good[[1, 0, 2, 3]]))


def test_an_element_is_replaced_only_on_request(tmp_path: Path) -> None:
    sdata, file = make_sdata(), write_plain(tmp_path / "he.tif", pixels_of()[0])
    before = sdata.images["one_full_image"]
    with pytest.raises(ValueError, match=r"There is an image 'one_full_image'.*overwrite=True"):
        spacrd.pp.add_image(sdata, file)
    assert sdata.images["one_full_image"] is before
    spacrd.pp.add_image(sdata, file, overwrite=True)
    assert sdata.images["one_full_image"] is not before
    for taken in ("one", "ONE_full_image"):
        with pytest.raises(ValueError, match="which is not this image"):
            spacrd.pp.add_image(sdata, file, key=taken, overwrite=True)
    for bad in ("a b", "../a", "", "__a"):
        with pytest.raises(ValueError, match="cannot name"):
            spacrd.pp.add_image(sdata, file, key=bad)


def test_a_failure_leaves_the_image_that_was_there(tmp_path: Path) -> None:
    sdata = make_sdata()
    before = sdata.images["one_full_image"]
    with pytest.raises(ValueError, match="times as large"):
        spacrd.pp.add_image(sdata, write_plain(tmp_path / "he.tif", pixels_of(scale=0.45)[0]), overwrite=True)
    assert sdata.images["one_full_image"] is before


def test_names_that_are_unknown_are_listed(tmp_path: Path) -> None:
    sdata, file = bare(), write_plain(tmp_path / "he.tif", pixels_of()[0])
    with pytest.raises(KeyError, match=r"no coordinate system of 'one' 'global'. Available: 'one'"):
        spacrd.pp.add_image(sdata, file, alignment=np.eye(3), coordinate_system="global")
    with pytest.raises(KeyError, match="no region 'two'"):
        spacrd.pp.add_image(sdata, file, region="two")
    with pytest.raises(KeyError, match="no table 'cells'"):
        spacrd.pp.add_image(sdata, file, table_key="cells")
    with pytest.raises(TypeError, match="needs a SpatialData, got AnnData"):
        spacrd.pp.add_image(make_adata(), file)
    with pytest.raises(FileNotFoundError, match="no image file"):
        spacrd.pp.add_image(sdata, tmp_path / "other.tif")


def test_one_of_several_sections_is_named(tmp_path: Path) -> None:
    both = spatialdata.concatenate({"a": bare(), "b": bare(region="two")}, concatenate_tables=True)
    regions = list(both["table"].obs["region"].unique())
    file = write_plain(tmp_path / "he.tif", pixels_of()[0])
    with pytest.raises(ValueError, match="There are several sections"):
        spacrd.pp.add_image(both, file)
    spacrd.pp.add_image(both, file, region=regions[1])
    assert list(both.images) == [f"{regions[1]}_full_image"]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_that_was_not_copied_whole_is_refused(tmp_path: Path, suffix: str) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (600, 600, 3)).astype(np.uint8)
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(pixels).save(whole)
    part = tmp_path / f"part.{suffix}"
    open_image_file(whole)
    for share in (0.3, 0.5, 0.7, 0.9):
        part.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
        with pytest.raises(ValueError, match=f"part.{suffix}' is damaged: its end is missing"):
            open_image_file(part)
