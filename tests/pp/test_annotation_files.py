"""Files of annotations as strangers write them: objects of QuPath, packed, broken, or made to keep the program busy."""

from __future__ import annotations

import gzip
import json
import os
import time
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import GeometryCollection, Point, Polygon, box, mapping

import spacrd
from spacrd._sections import _geojson_file, _polygons
from spacrd._sections._class_names import class_name
from tests.making.annotations import DUCT, HOLED, collection, feature
from tests.making.image_sections import make_adata

DRAWN = collection(feature(DUCT, "Duct"), feature(HOLED, "Tumor"))


def annotated(regions, **arguments) -> np.ndarray:
    adata = make_adata()
    spacrd.pp.annotate(adata, regions, key_added="drawn", **arguments)
    return adata.obs["drawn"].astype(object).fillna("").to_numpy()


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return annotated(DRAWN)


def cells(kind: str, name: str = "Immune") -> list[dict]:
    """A cell under the centre of every third spot."""
    around = [Point(xy).buffer(5.0) for xy in make_adata().obsm["spatial"][::3]]
    made = [feature(cell, name) for cell in around]
    for number, cell in enumerate(made):
        cell["id"] = kind if kind.startswith("Path") else f"{number}"
        if kind.startswith("Path"):
            del cell["properties"]["objectType"]
        else:
            cell["properties"]["objectType"] = kind
    return made


@pytest.mark.parametrize("kind", ["detection", "cell", "tile", "PathCellObject", "PathDetectionObject"])
def test_annotations_win_over_cells_and_what_is_left_out_is_counted(expected, kind):
    inside = cells(kind)
    mixed = collection(*inside, *DRAWN["features"])
    with pytest.warns(spacrd.SpacrdWarning, match=f"{len(inside)} detections, .* the 2 annotations count"):
        assert np.array_equal(annotated(mixed), expected)
    frame = geopandas.GeoDataFrame.from_features(mixed)
    if not kind.startswith("Path"):
        with pytest.warns(spacrd.SpacrdWarning, match=f"{len(inside)} detections"):
            assert np.array_equal(annotated(frame, class_key="classification"), expected)
    with pytest.warns(spacrd.SpacrdWarning, match="no annotations"):
        alone = annotated(collection(*inside))
    assert (alone == "Immune").sum() == len(inside)


def test_a_region_to_ignore_gives_no_class_and_is_no_class():
    adata = make_adata()
    fold = box(150, 150, 350, 350)
    drawn = collection(feature(HOLED, "Tumor"), feature(fold, "Ignore*"), feature(box(0, 0, 600, 600), "Region*"))
    with (
        pytest.warns(spacrd.SpacrdWarning, match="1 regions are of QuPath's class 'Ignore\\*'"),
        pytest.warns(spacrd.SpacrdWarning, match="1 of 3 regions have no class"),
    ):
        spacrd.pp.annotate(adata, drawn, key_added="drawn", default="normal")
    points = shapely.points(adata.obsm["spatial"])
    ignored, tumour = shapely.intersects(fold, points), shapely.intersects(HOLED, points)
    assert (ignored & tumour).any()
    assert adata.obs["drawn"].isna().to_numpy().tolist() == ignored.tolist()
    assert (adata.obs["drawn"][~ignored] == np.where(tumour, "Tumor", "normal")[~ignored]).all()
    assert adata.obs["drawn"].cat.categories.to_list() == ["Tumor", "normal"]
    with pytest.raises(ValueError, match="No region has a class"):
        annotated(feature(fold, "Ignore*"))


def test_broken_geometries_are_left_out_and_named_not_the_end_of_the_file(expected):
    broken = [
        {"type": "Feature", "geometry": None, "properties": {"classification": {"name": "Lost"}}},
        {"type": "Feature", "properties": {}},
        feature(DUCT, "x") | {"geometry": {"type": "Polygon", "coordinates": []}},
        feature(DUCT, "x") | {"geometry": {"type": "Polygon", "coordinates": [[]]}},
        feature(DUCT, "x") | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}},
        feature(DUCT, "x") | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, np.nan], [5, 5], [0, 0]]]}},
        feature(DUCT, "x") | {"geometry": {"type": "Polygon", "coordinates": "none"}},
        feature(DUCT, "x") | {"geometry": {"type": "Polyhedron", "coordinates": [[[0, 0], [1, 1], [0, 1]]]}},
        feature(DUCT, "x") | {"geometry": [1, 2]},
        feature(DUCT, "x") | {"geometry": {"type": "GeometryCollection", "geometries": []}},
    ]
    mixed = collection(DRAWN["features"][0], *broken, DRAWN["features"][1])
    with pytest.warns(spacrd.SpacrdWarning, match="10 geometries or rings .*: feature 2 \\('Lost'\\): no geometry"):
        assert np.array_equal(annotated(mixed), expected)
    for each in broken:
        with pytest.raises(ValueError, match="no feature whose geometry can be read"):
            annotated(each)


def test_a_short_ring_costs_its_own_hole_or_part_alone(expected):
    holed = json.loads(json.dumps(mapping(HOLED)))
    holed["coordinates"].append([[100, 100], [101, 101], [100, 100]])
    parts = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 1]]], mapping(DUCT)["coordinates"]]}
    drawn = [feature(HOLED, "Tumor") | {"geometry": holed}, feature(DUCT, "Duct") | {"geometry": parts}]
    with pytest.warns(spacrd.SpacrdWarning, match="2 geometries .*feature 1 \\('Tumor'\\): a ring of 3 corners"):
        assert np.array_equal(annotated(collection(*drawn)), expected)


def packed(file: Path, content: bytes, how: str) -> Path:
    if how == "gz":
        file.write_bytes(gzip.compress(content))
    elif how == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("slide/drawn.geojson", content)
            archive.writestr("__MACOSX/slide/._drawn.geojson", b"x")
            archive.writestr("readme.txt", b"x")
    else:
        file.write_bytes(content)
    return file


LINES = "\n".join(json.dumps(one) for one in DRAWN["features"])
CONTENTS = {
    "plain": json.dumps(DRAWN).encode(),
    "utf-8 mark": json.dumps(DRAWN).encode("utf-8-sig"),
    "utf-16": json.dumps(DRAWN).encode("utf-16"),
    "utf-16 bare": json.dumps(DRAWN).encode("utf-16-le"),
    "utf-16 big": json.dumps(DRAWN).encode("utf-16-be"),
    "utf-32": json.dumps(DRAWN).encode("utf-32"),
    "lines": LINES.encode() + b"\n",
    "lines of Windows": LINES.replace("\n", "\r\n\r\n").encode("utf-8-sig"),
    "records": "".join(f"\x1e{line}\n" for line in LINES.split("\n")).encode(),
    "collections": "\n".join(json.dumps(collection(one)) for one in DRAWN["features"]).encode(),
}


@pytest.mark.parametrize("how", ["as it is", "gz", "zip"])
@pytest.mark.parametrize("content", CONTENTS)
def test_files_are_read_however_they_are_packed_and_encoded(expected, tmp_path, content, how):
    for name in ("drawn.geojson", "drawn"):
        assert np.array_equal(annotated(packed(tmp_path / name, CONTENTS[content], how)), expected)


def test_lines_are_read_as_text_too(expected):
    assert np.array_equal(annotated(LINES), expected)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(CONTENTS["plain"])[:-20], "cannot be unpacked"),
        (gzip.compress(CONTENTS["plain"])[:20] + b"\0" * 200, "cannot be unpacked"),
        (b"PK\x03\x04" + b"x" * 100, "cannot be unpacked"),
        (b"", "is no GeoJSON"),
        (b"\xff\xfe\x00", "is no GeoJSON"),
        (CONTENTS["plain"][:-5], "is no GeoJSON"),
        (CONTENTS["lines"][:-9], "is no GeoJSON"),
        ("größer".encode("latin-1"), "is no GeoJSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 10_000, "holds no features|is no GeoJSON|limit"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, says):
    (tmp_path / "x.geojson").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        annotated(tmp_path / "x.geojson")


def test_archives_of_several_files_and_of_absurd_size_are_refused(tmp_path, monkeypatch):
    for names in (("a.geojson", "b.geojson"), ("a.txt",)):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name in names:
                archive.writestr(name, CONTENTS["plain"])
        with pytest.raises(ValueError, match="must hold one GeoJSON"):
            annotated(tmp_path / "x.zip")
    monkeypatch.setattr(_geojson_file, "MAX_BYTES", 1 << 20)
    for how in ("gz", "zip", "as it is"):
        with pytest.raises(ValueError, match="holds more than"):
            annotated(packed(tmp_path / "bomb", b" " * (1 << 21), how))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.geojson")
    for given in (tmp_path / "x.geojson", str(tmp_path / "x.geojson"), tmp_path):
        with pytest.raises(ValueError, match="no file but a folder, a pipe or a device"):
            annotated(given)


@pytest.mark.parametrize("path", ["x\0.geojson", "x" * 300])
def test_paths_that_no_file_can_have_are_refused(path):
    with pytest.raises(ValueError, match="regions="):
        annotated(path)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Tumor ", "Tumor"),
        ({"name": "Tumor", "colorRGB": -3670016}, "Tumor"),
        ({"names": ["Tumor", "grade 2"]}, "Tumor: grade 2"),
        ({"names": "Tumor"}, "Tumor"),
        (["Tumor", "grade 2"], "Tumor: grade 2"),
        (np.array(["Tumor"], dtype=object), "Tumor"),
        ('{"name": "Tumor", "color": [1, 2, 3]}', "Tumor"),
        ("{'name': 'Tumor', 'color': [1, 2, 3]}", "Tumor"),
        ("{'names': ['Tumor', 'grade 2']}", "Tumor: grade 2"),
        ('["Tumor"]', "Tumor"),
        ("('Tumor')", "('Tumor')"),
        ("[1] Tumor", "[1] Tumor"),
        *((two, "2") for two in (2, 2.0)),
        *((same, "Tum\u00e9r x") for same in ("Tume\u0301r x", "\ufeffTum\u00e9r\u00a0x", ["Tum\u00e9r x", ""])),
        *((none, None) for none in (None, "nan", "None", "\u200b", np.nan, {}, {"name": None}, {"color": [1]}, [])),
    ],
    ids=repr,
)
def test_a_class_is_understood_however_it_is_written(value, name):
    assert class_name(value) == name


@pytest.mark.parametrize(
    "value",
    [
        {"id": 3},
        [{"name": "Tumor"}],
        [["Tumor"]],
        {"name": {"name": "Tumor"}},
        {"names": [1, None]},
        "{Tumor}",
        "[Tumor, Stroma]",
        "[" * 5_000 + "]" * 5_000,
        "{" + "'a':1," * 10_000 + "}",
        object(),
        *("Tu\0mor", "Tu\ud800mor"),
    ],
    ids=range(12),
)
def test_a_class_that_is_no_name_is_refused(value):
    with pytest.raises(ValueError, match="is no name"):
        annotated(feature(DUCT, None) | {"properties": {"classification": value}})


@pytest.mark.parametrize("values", [[], [1], "x", 3], ids=repr)
def test_properties_that_are_no_table_are_refused(values):
    with pytest.raises(ValueError, match="properties of feature 1 are a"):
        annotated(feature(DUCT, "x") | {"properties": values})


@pytest.mark.parametrize("depth", [60, 5_000])
def test_collections_in_collections_are_refused_beyond_some_depth(depth):
    shape: dict = mapping(DUCT)
    for _ in range(depth):
        shape = {"type": "GeometryCollection", "geometries": [shape]}
    with pytest.raises(ValueError, match="nested deeper than 50"):
        annotated(feature(DUCT, "x") | {"geometry": shape})
    nested = DUCT
    for _ in range(60):
        nested = GeometryCollection([nested])
    with pytest.raises(ValueError, match="nested deeper than 50"):
        annotated(geopandas.GeoDataFrame({"class": ["x"]}, geometry=[nested]))


def scribble(corners: int, seed: int = 0) -> Polygon:
    return Polygon(np.random.default_rng(seed).uniform(50, 550, (corners, 2)))


def test_a_scribble_of_400_corners_takes_seconds():
    """Its outline crosses itself some 18,000 times; make_valid takes minutes for a tenth."""
    drawn, started = scribble(400), time.process_time()
    inside = annotated(feature(drawn, "x")) == "x"
    assert time.process_time() - started < 20
    xy = make_adata().obsm["spatial"]
    ring = np.asarray(drawn.exterior.coords)
    (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
    across = (y0 <= xy[:, 1:]) != (y1 <= xy[:, 1:])
    odd = (across & (xy[:, :1] < x0 + (xy[:, 1:] - y0) / (y1 - y0) * (x1 - x0))).sum(axis=1) % 2 == 1
    assert np.array_equal(inside, odd) and odd.any() and not odd.all()


def test_a_tangle_that_would_take_for_ever_is_refused_at_once():
    started = time.process_time()
    with pytest.raises(ValueError, match="is a tangle"):
        annotated(feature(scribble(20_000), "x"))
    assert time.process_time() - started < 20


@pytest.mark.parametrize("corners", [4, 7, 15])
def test_what_crosses_itself_is_repaired_as_make_valid_does(corners):
    for seed in range(5):
        drawn = scribble(corners, seed)
        frame = geopandas.GeoDataFrame({"class": ["x"]}, geometry=[drawn])
        made = _polygons.polygons_only(frame)[0].geometry[0]
        assert made.is_valid and made.symmetric_difference(shapely.make_valid(drawn)).area < 1e-6
    holed = Polygon(scribble(corners).exterior, [[(200, 200), (300, 300), (300, 200), (200, 300)]])
    made = _polygons.polygons_only(geopandas.GeoDataFrame({"class": ["x"]}, geometry=[holed]))[0].geometry[0]
    assert made.symmetric_difference(shapely.make_valid(holed)).area < 1e-6
