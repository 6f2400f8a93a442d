"""The reader of the legacy-ST study, on a made-up folder and on the real one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from spatialdata.transformations import Identity, get_transformation

from spacrd.datasets import her2st
from tests.making.studies import LAYOUTS, write_study


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_published_layout_is_read(tmp_path: Path, layout: str, caplog: pytest.LogCaptureFixture) -> None:
    root = write_study(tmp_path, layout)
    with caplog.at_level(logging.INFO, logger="spacrd"):
        sdata = her2st(root, "A1")
    assert "left out 1 count rows without a spot, 1 spots without counts" in caplog.text
    table = sdata.tables["table"]
    assert table.shape == (11, 3)
    assert table.var_names.is_unique
    assert list(table.var_names[:2]) == ["ERBB2", "GAPDH"]
    assert table.X.dtype == np.float32
    # Names, array and pixels belong to the same spot although the counts are shuffled.
    array = table.obs[["array_col", "array_row"]].to_numpy()
    assert [f"{x}x{y}" for x, y in array] == list(table.obs_names)
    np.testing.assert_array_equal(table.obsm["spatial"], 20.0 * array)
    assert (sdata.shapes["A1"]["radius"] == 5.0).all()  # 50 um where 200 um are 20 pixels
    assert sdata.coordinate_systems == ["A1"]
    assert table.obs.loc["4x1", "pathologist"] == "adipose tissue"
    assert pd.isna(table.obs.loc["1x2", "pathologist"])
    assert table.obs["pathologist"].value_counts()["invasive cancer"] == 9
    image = sdata.images["A1_full_image"]["scale0"]["image"]
    assert image.shape == (3, 80, 100)
    assert image.values[0, 40, 20] < 20 and image.values[0, 40, 80] > 180


def test_labels_and_images_can_be_left_out(tmp_path: Path) -> None:
    root = write_study(tmp_path)
    (root / "images" / "A1_HE.jpg").unlink()
    sdata = her2st(root, "A1", labels=False)
    assert not sdata.images
    assert list(sdata.tables["table"].obs) == ["in_tissue", "array_row", "array_col", "spot_id", "region"]


def test_annotated_images_are_never_read(tmp_path: Path) -> None:
    root = write_study(tmp_path, "zenodo")
    (root / "images" / "annotation").mkdir()
    (root / "images" / "HE" / "A1.jpg").rename(root / "images" / "annotation" / "A1.jpg")
    assert not her2st(root, "A1").images


def test_proxy_labels_never_pass_for_the_pathologists(tmp_path: Path) -> None:
    root = write_study(tmp_path)
    (root / "labels" / "A1_labeled_coordinates.tsv").unlink()
    (root / "proxy_labels").mkdir()
    carried = pd.DataFrame({"id": ["2x1", "3x1"], "label": ["invasive cancer", "undetermined"], "cancer": [1, 0]})
    carried.assign(unanimous3=[1, 0]).to_csv(root / "proxy_labels" / "A1_from_A2.tsv", sep="\t", index=False)
    obs = her2st(root, "A1").tables["table"].obs
    assert "pathologist" not in obs
    assert obs.loc["2x1", ["proxy_label", "proxy_cancer", "proxy_unanimous"]].tolist() == [
        "invasive cancer",
        "cancer",
        True,
    ]
    assert obs.loc["3x1", "proxy_cancer"] == "normal"
    assert obs["proxy_label"].isna().sum() == 9


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder.*zenodo.4751624"):
        her2st(tmp_path / "nowhere", "A1")
    with pytest.raises(FileNotFoundError, match=r"no count files.*'ST-cnts'"):
        her2st(tmp_path, "A1")
    root = write_study(tmp_path)
    with pytest.raises(ValueError, match=r"no section 'Z9'.*Available: 'A1'"):
        her2st(root, "Z9")
    Image.new("RGB", (40, 40)).save(root / "images" / "A1_HE.jpg")
    with pytest.raises(ValueError, match=r"spots of section 'A1' lie off its image 'A1_HE.jpg' \(40 x 40"):
        her2st(root, "A1")
    spots = root / "spots" / "A1_selection.tsv"
    table = pd.read_csv(spots, sep="\t")
    table.assign(x=table["x"] + 50).to_csv(spots, sep="\t", index=False)
    with pytest.raises(ValueError, match="not of the same section"):
        her2st(root, "A1")
    spots.unlink()
    with pytest.raises(FileNotFoundError, match=r"A1_selection\.tsv"):
        her2st(root, "A1")


SPOTS = {"A1": 346, "A2": 325, "B1": 295, "B4": 283, "C1": 176, "C2": 187, "C3": 180, "E1": 587, "G2": 467}


@pytest.fixture(scope="module")
def study(real_data: Path) -> Path:
    folder = real_data / "her2st"
    if not folder.is_dir():
        pytest.skip(f"the her2st sections are absent: {folder} is no folder")
    return folder


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("section", "cancer"), [("A1", 303), ("C1", 127), ("B1", 63), ("G2", 160), ("B4", None), ("C3", None)]
)
def test_real_tables_have_counts_and_labels(study: Path, section: str, cancer: int | None) -> None:
    sdata = her2st(study, section)
    table = sdata.tables["table"]
    assert table.n_obs == SPOTS[section] == len(sdata.shapes[section])
    assert table.n_vars > 15000 and table.var_names.is_unique
    assert (table.X.data == np.rint(table.X.data)).all()
    if cancer is None:
        assert "pathologist" not in table.obs
        assert table.obs["proxy_label"].notna().all()
    else:
        assert table.obs["pathologist"].notna().all()
        assert table.obs["pathologist"].isin(["invasive cancer", "cancer in situ"]).sum() == cancer
    # 200 um from spot to spot is about 290 pixels (218 in A1); spots are half as wide.
    pitch = 4 * sdata.shapes[section]["radius"].iloc[0]
    assert pitch == pytest.approx(218 if section == "A1" else 290.5, abs=1.5)


@pytest.mark.real_data
@pytest.mark.parametrize("section", ["A1", "A2"])
def test_a_real_reduced_image_lies_under_its_spots(study: Path, section: str) -> None:
    """Spots lie on tissue, and the annotated thumbnail in the corner is gone."""
    sdata = her2st(study, section)
    image = sdata.images[f"{section}_full_image"]["scale0"]["image"].values
    assert not image[:, :536, 1500:].any()
    assert image[:, 536:, 1500:].any()
    transformation = get_transformation(sdata.images[f"{section}_full_image"], section)
    factor = transformation.to_affine_matrix(("x", "y"), ("x", "y"))[0, 0]
    assert factor == pytest.approx(6954 / 2000 if section == "A1" else 1.0)
    x, y = (sdata.tables["table"].obsm["spatial"] / factor).astype(int).T
    assert (image[:, y, x].max(axis=0) > 60).mean() > 0.98


@pytest.mark.real_data
def test_a_real_full_image_lies_under_its_spots(study: Path) -> None:
    sdata = her2st(study, "B4")
    tree = sdata.images["B4_full_image"]
    assert isinstance(get_transformation(tree, "B4"), Identity)
    assert tree["scale0"]["image"].shape == (3, 9923, 9272)
    small = tree["scale4"]["image"].values.astype(int)
    table = sdata.tables["table"]
    x, y = (table.obsm["spatial"] / 16).astype(int).T
    around = np.stack([small[:, y + dy, x + dx] for dy in (-3, 0, 3) for dx in (-3, 0, 3)]).mean(axis=0)
    glass = small[:, :60, :60].mean(axis=(1, 2))
    on_tissue = np.abs(around - glass[:, None]).max(axis=0) > 12
    assert on_tissue.mean() > 0.9
    # The lattice is that of the image: moved by 1.5 mm the spots leave the tissue.
    moved = np.clip(x + 130, 0, small.shape[2] - 1)
    assert (np.abs(small[:, y, moved] - glass[:, None]).max(axis=0) > 12).mean() < on_tissue.mean() - 0.15


COUNTS, PLACES, LABELS = "counts/A1.tsv.gz", "spots/A1_selection.tsv", "labels/A1_labeled_coordinates.tsv"


def with_cell(column: str, value: object):
    return lambda table: table.astype({column: object}).assign(**{column: [value, *table[column][1:]]})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (COUNTS, with_cell("ERBB2", "x"), "must be numbers, a column for each gene; .* text for 'ERBB2'"),
        (COUNTS, lambda table: table.iloc[:, :1], "they have 0 genes"),
        (COUNTS, lambda table: pd.concat([table, table[1:2]]), "more than once in its counts"),
        (PLACES, lambda table: pd.concat([table, table[1:2]]), "has '2x1' more than once in its spot file"),
        (PLACES, lambda table: table.drop(columns="pixel_x"), "must have the columns 'pixel_x'"),
        (PLACES, with_cell("x", "a"), "'x' must be a number, got 'a'"),
        (PLACES, with_cell("pixel_y", np.nan), "'pixel_y' must be a number, got 'nan'"),
        (LABELS, lambda table: table.drop(columns="label"), "must have the columns 'label'"),
        (LABELS, with_cell("x", "a"), "'x' must be a number"),
    ],
)
def test_a_table_that_is_none_of_the_study_is_named(tmp_path: Path, name: str, change, message: str) -> None:
    file = write_study(tmp_path) / name
    change(pd.read_csv(file, sep="\t")).to_csv(file, sep="\t", index=False)
    with pytest.raises(ValueError, match=message):
        her2st(tmp_path, "A1")


@pytest.mark.parametrize("name", [COUNTS, PLACES, LABELS, "images/A1_HE.jpg"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (write_study(tmp_path) / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"A1.* can be read"):
        her2st(tmp_path, "A1")


def test_a_path_that_no_folder_has_is_refused() -> None:
    with pytest.raises(ValueError, match="too long for a path"):
        her2st("x" * 300, "A1")
    with pytest.raises(TypeError, match="path must name a folder"):
        her2st(3, "A1")  # type: ignore[arg-type]
