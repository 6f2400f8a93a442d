"""Regions drawn on an image to classes of spots."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anndata as ad
import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import spatialdata as sd
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box, mapping
from spatialdata.models import Labels2DModel, ShapesModel
from spatialdata.transformations import Affine, Identity, get_transformation

import spacrd
from tests.making.annotations import DUCT, HOLED, TUMOUR, collection, feature
from tests.making.image_sections import SIZE, make_adata, make_sdata


def wanted(xy: np.ndarray) -> np.ndarray:
    points = shapely.points(xy)
    found = np.full(len(xy), "", dtype=object)
    found[shapely.intersects(HOLED, points)] = "Tumor"
    found[shapely.intersects(DUCT, points)] = "Duct"
    return found


def classes(table, key: str = "drawn") -> np.ndarray:
    return table.obs[key].astype(object).fillna("").to_numpy()


DRAWN = collection(feature(DUCT, "Duct"), feature(HOLED, "Tumor"))


@pytest.mark.parametrize("order", [1, -1])
def test_the_smallest_polygon_counts_and_holes_are_outside(order):
    adata = make_adata()
    spacrd.pp.annotate(adata, collection(*DRAWN["features"][::order]), key_added="drawn")
    expected = wanted(adata.obsm["spatial"])
    assert set(expected) == {"", "Tumor", "Duct"}
    assert np.array_equal(classes(adata), expected)


def test_every_form_of_geojson_gives_the_same_classes(tmp_path):
    expected = make_adata()
    spacrd.pp.annotate(expected, DRAWN, key_added="drawn")
    (tmp_path / "drawn.geojson").write_text(json.dumps(DRAWN))
    (tmp_path / "bare.geojson").write_text(json.dumps(DRAWN["features"]))
    forms = [str(tmp_path / "drawn.geojson"), tmp_path / "bare.geojson", DRAWN["features"]]
    several = {"objectType": "annotation", "classification": {"names": ["Tumor", "grade 2"]}}
    for form in forms:
        adata = make_adata()
        spacrd.pp.annotate(adata, form, key_added="drawn")
        assert adata.obs["drawn"].equals(expected.obs["drawn"])
    adata = make_adata()
    both = {
        "type": "Feature",
        "geometry": mapping(MultiPolygon([DUCT, box(450, 450, 560, 560)])),
        "properties": several,
    }
    spacrd.pp.annotate(adata, both, key_added="drawn")
    inside = shapely.intersects(MultiPolygon([DUCT, box(450, 450, 560, 560)]), shapely.points(adata.obsm["spatial"]))
    assert np.array_equal(classes(adata) == "Tumor: grade 2", inside)


@pytest.mark.parametrize("view", [{}, {"scale": 2.0}, {"degrees": 30.0}, {"degrees": 90.0, "flip": True}], ids=str)
def test_pixels_of_a_turned_image_are_placed_by_its_transformation(view):
    sdata = make_sdata(**view)
    (name,) = sdata.images
    xy = sdata.tables["table"].obsm["spatial"]
    matrix = np.linalg.inv(get_transformation(sdata.images[name], "one").to_affine_matrix(("x", "y"), ("x", "y")))
    six = [*matrix[:2, :2].ravel(), *matrix[:2, 2]]
    pixels = [
        feature(shapely.affinity.affine_transform(shape, six), kind)
        for shape, kind in ((DUCT, "Duct"), (HOLED, "Tumor"))
    ]
    frame = geopandas.GeoDataFrame.from_features(pixels)
    for drawing, class_key in ((collection(*pixels), None), (frame, "classification")):
        spacrd.pp.annotate(sdata, drawing, key_added="drawn", class_key=class_key)
        assert np.array_equal(classes(sdata.tables["table"]), wanted(xy))


def test_a_shapes_element_goes_by_its_transformations():
    sdata = make_sdata(degrees=30.0)
    shrink = Affine([[2, 0, 0], [0, 2, 0], [0, 0, 1]], input_axes=("x", "y"), output_axes=("x", "y"))
    frame = geopandas.GeoDataFrame({"class": ["Duct", "Tumor"]}, geometry=[DUCT, HOLED]).scale(0.5, 0.5, origin=(0, 0))
    frame = geopandas.GeoDataFrame({"kind": ["Duct", "Tumor"]}, geometry=frame)
    sdata.shapes["drawing"] = ShapesModel.parse(frame, transformations={"one": shrink})
    spacrd.pp.annotate(sdata, "drawing", key_added="drawn", class_key="kind")
    expected = wanted(sdata.tables["table"].obsm["spatial"])
    assert np.array_equal(classes(sdata.tables["table"]), expected)
    # A frame out of the same object has the same transformations.
    spacrd.pp.annotate(sdata, sdata.shapes["drawing"], key_added="again", class_key="kind")
    assert np.array_equal(classes(sdata.tables["table"], "again"), expected)


def test_by_area_takes_the_class_that_covers_min_share():
    adata = make_adata()
    half = box(-10, -10, adata.obsm["spatial"][0, 0] + 5.0, 700)
    discs = shapely.buffer(shapely.points(adata.obsm["spatial"]), 39.0 / 2)
    share = shapely.area(shapely.intersection(discs, half)) / shapely.area(discs)
    with pytest.warns(spacrd.SpacrdWarning, match="no spot lies in any of the 1 regions"):
        spacrd.pp.annotate(adata, feature(half, "Tumor"), key_added="drawn", by="area", min_share=0.9)
    assert ((share > 0.5) & (share < 0.9)).any()
    assert np.array_equal(classes(adata) == "Tumor", share >= 0.9)
    spacrd.pp.annotate(adata, feature(half, "Tumor"), key_added="drawn", by="area")
    assert np.array_equal(classes(adata) == "Tumor", share >= 0.5)


def test_by_area_counts_what_lies_within_once():
    adata = make_adata()
    spot = Point(adata.obsm["spatial"][30])
    inner = spot.buffer(39.0 / 2 * 0.6)  # 36 % of the spot
    outer = spot.buffer(100.0)
    drawn = collection(feature(outer, "Tumor"), feature(inner, "Duct"))
    spacrd.pp.annotate(adata, drawn, key_added="drawn", by="area")
    assert classes(adata)[30] == "Tumor"
    spacrd.pp.annotate(adata, drawn, key_added="drawn", by="centroid")
    assert classes(adata)[30] == "Duct"


def test_the_default_class_fills_the_rest_and_survives_files(tmp_path):
    sdata = make_sdata()
    before = sdata.tables["table"].X.copy()
    spacrd.pp.annotate(sdata, DRAWN, key_added="drawn", default="normal")
    column = sdata.tables["table"].obs["drawn"]
    assert (
        column.notna().all()
        and (column == "normal").sum() == (wanted(sdata.tables["table"].obsm["spatial"]) == "").sum()
    )
    sdata.write(tmp_path / "section.zarr")
    assert sd.read_zarr(tmp_path / "section.zarr").tables["table"].obs["drawn"].equals(column)
    sdata.tables["table"].write_h5ad(tmp_path / "table.h5ad")
    assert ad.read_h5ad(tmp_path / "table.h5ad").obs["drawn"].equals(column)
    assert np.array_equal(before, sdata.tables["table"].X)


def test_annotating_one_section_keeps_the_classes_of_another():
    one, two = make_adata(library="one"), make_adata(library="two")
    both = ad.concat([one, two], label="slide", keys=["one", "two"], uns_merge="unique")
    both.uns["spatial"] = {**one.uns["spatial"], **two.uns["spatial"]}
    with pytest.raises(ValueError, match="'one', 'two'.*`region`"):
        spacrd.pp.annotate(both, DRAWN, key_added="drawn", library_key="slide")
    spacrd.pp.annotate(both, DRAWN, key_added="drawn", library_key="slide", region="one")
    assert both.obs["drawn"][both.obs["slide"] == "two"].isna().all()
    kept = both.obs["drawn"][both.obs["slide"] == "one"].astype(object)
    spacrd.pp.annotate(both, feature(TUMOUR, "other"), key_added="drawn", library_key="slide", region="two")
    assert both.obs["drawn"][both.obs["slide"] == "one"].astype(object).equals(kept)
    assert (both.obs["drawn"][both.obs["slide"] == "two"] == "other").any()


def test_lines_and_regions_without_class_are_warned_of():
    adata = make_adata()
    mixed = collection(feature(DUCT, "Duct"), feature(Point(1, 1), "Duct"), feature(box(300, 300, 350, 350), None))
    with (
        pytest.warns(UserWarning, match="1 of the annotations are points or lines"),
        pytest.warns(UserWarning, match="1 of 2 regions have no class"),
    ):
        spacrd.pp.annotate(adata, mixed, key_added="drawn")
    with pytest.warns(UserWarning, match="no spot lies in any of the 1 regions"):
        spacrd.pp.annotate(adata, feature(box(61, 61, 63, 63), "x"), key_added="none")
    assert adata.obs["none"].isna().all()


def test_a_bow_tie_is_repaired():
    adata = make_adata()
    tie = Polygon([(50, 50), (500, 500), (500, 50), (50, 500)])
    spacrd.pp.annotate(adata, feature(tie, "x"), key_added="drawn")
    inside = shapely.intersects(shapely.make_valid(tie), shapely.points(adata.obsm["spatial"]))
    assert inside.any() and np.array_equal(classes(adata) == "x", inside)


@pytest.mark.parametrize(
    ("regions", "options", "error", "message"),
    [
        ({"type": "Topology"}, {}, ValueError, "holds no features"),
        ([], {}, ValueError, "nothing was drawn"),
        (feature(LineString([(0, 0), (9, 9)]), "x"), {}, ValueError, "no polygon"),
        (feature(DUCT, None), {}, ValueError, "No region has a class"),
        (feature(DUCT, None, kind="x"), {"class_key": "Kind"}, KeyError, "Did you mean 'kind'"),
        (feature(box(5000, 5000, 6000, 6000), "x"), {}, ValueError, "lie apart.*image_key"),
        (7, {}, TypeError, "got int"),
        (DRAWN, {"by": "edge"}, ValueError, "by='edge'"),
        (DRAWN, {"min_share": 1.5}, ValueError, "min_share"),
        (DRAWN, {"default": 5}, TypeError, "default.*got 5"),
        *((DRAWN, {"default": none}, ValueError, "default=.* names no class") for none in ("nan", " ", "Ignore*")),
        (DRAWN, {"key_added": "a/b"}, ValueError, "key_added"),
        (DRAWN, {"key_added": "array_row"}, ValueError, "was not made by annotate"),
        ({"type": "Feature", "geometry": {"type": "Polygon"}, "properties": {}}, {}, ValueError, "cannot be read"),
    ],
)
def test_an_input_error_says_what_is_wrong_and_writes_no_column(regions, options, error, message):
    adata = make_adata()
    before = adata.copy()
    with pytest.raises(error, match=message):
        spacrd.pp.annotate(adata, regions, **{"key_added": "drawn", **options})
    assert adata.obs.equals(before.obs) and "spacrd" not in adata.uns


def test_a_file_that_is_no_geojson_is_refused(tmp_path):
    (tmp_path / "x.geojson").write_text("<xml/>")
    with pytest.raises(ValueError, match=r"'x.geojson' is no GeoJSON"):
        spacrd.pp.annotate(make_adata(), tmp_path / "x.geojson", key_added="drawn")
    with pytest.raises(FileNotFoundError):
        spacrd.pp.annotate(make_adata(), tmp_path / "y.geojson", key_added="drawn")
    with pytest.raises(KeyError, match="shapes element or file 'nothing'"):
        spacrd.pp.annotate(make_sdata(), "nothing", key_added="drawn")


def test_geojson_is_read_as_text_and_with_a_byte_order_mark(tmp_path):
    wanted = make_adata()
    spacrd.pp.annotate(wanted, DRAWN, key_added="drawn")
    (tmp_path / "mark.geojson").write_text(json.dumps(DRAWN), encoding="utf-8-sig")
    for form, make in ((json.dumps(DRAWN), make_sdata), (tmp_path / "mark.geojson", make_adata)):
        data = make()
        spacrd.pp.annotate(data, form, key_added="drawn")
        assert np.array_equal(classes(data if isinstance(data, ad.AnnData) else data.tables["table"]), classes(wanted))


def test_collections_and_circles_count_as_polygons():
    adata = make_adata()
    core, spot = Point(200, 200), Point(400, 400)
    inner = GeometryCollection([GeometryCollection([core.buffer(100)]), LineString([(0, 0), (9, 9)])])
    spacrd.pp.annotate(adata, feature(inner, "core"), key_added="drawn")
    inside = shapely.distance(core, shapely.points(adata.obsm["spatial"])) < 99
    assert np.array_equal(classes(adata) == "core", inside)
    frame = geopandas.GeoDataFrame({"kind": ["core", "spot"], "radius": [100.0, 60.0]}, geometry=[core, spot])
    sdata = make_sdata()
    sdata.shapes["cores"] = ShapesModel.parse(frame, transformations={"one": Identity()})
    spacrd.pp.annotate(sdata, "cores", key_added="drawn")
    assert np.array_equal(classes(sdata.tables["table"]) == "core", inside)
    assert (classes(sdata.tables["table"]) == "spot").any()


def test_of_regions_of_one_size_the_first_counts():
    for order in (["a", "b"], ["b", "a"]):
        adata = make_adata()
        spacrd.pp.annotate(adata, collection(*(feature(TUMOUR, name) for name in order)), key_added="drawn")
        assert set(classes(adata)) == {"", order[0]}


def test_frames_without_class_or_geometry_are_refused():
    bare = geopandas.GeoDataFrame({"class": ["a"]})
    with pytest.raises(ValueError, match="must have a geometry"):
        spacrd.pp.annotate(make_adata(), bare, key_added="drawn")
    unnamed = geopandas.GeoDataFrame({"class": pd.array([None], dtype="string")}, geometry=[TUMOUR])
    with pytest.raises(ValueError, match="No region has a class"):
        spacrd.pp.annotate(make_adata(), unnamed, key_added="drawn")


def test_cells_of_a_raster_are_discs_of_their_area():
    sdata = make_sdata()
    table = sdata.tables["table"]
    raster = np.zeros((SIZE, SIZE), np.int32)
    for number, (x, y) in enumerate(table.obsm["spatial"].astype(int), start=1):
        raster[y - 10 : y + 10, x - 10 : x + 10] = number
    sdata.labels["cells"] = Labels2DModel.parse(raster, dims=("y", "x"), transformations={"one": Identity()})
    table.obs["spot_id"] += 1
    table.obs["region"] = pd.Categorical(["cells"] * table.n_obs)
    sdata.set_table_annotates_spatialelement("table", "cells", "region", "spot_id")
    edge = table.obsm["spatial"][0, 0] + 3.0  # three fifths of the first column's cells
    spacrd.pp.annotate(sdata, feature(box(0, 0, edge, SIZE), "x"), key_added="drawn", by="area", min_share=0.55)
    first = table.obsm["spatial"][:, 0] < edge
    assert first.any() and np.array_equal(classes(table) == "x", first)
    with pytest.warns(spacrd.SpacrdWarning, match="no spot lies in any of the 1 regions"):
        spacrd.pp.annotate(sdata, feature(box(0, 0, edge, SIZE), "x"), key_added="drawn", by="area", min_share=0.75)
    assert (classes(table)[first] == "").all()


def test_regions_of_a_larger_image_are_refused_and_can_be_placed(tmp_path):
    """Drawn on the full-resolution image of a section that has a reduced one only."""
    sdata = make_sdata(scale=0.2, image="one_hires_image")
    (tmp_path / "drawn.geojson").write_text(json.dumps(DRAWN))
    with pytest.raises(ValueError, match="'one_hires_image' has 120 x 120 px.*shapes element"):
        spacrd.pp.annotate(sdata, tmp_path / "drawn.geojson", key_added="drawn")
    text = (Path(__file__).parents[2] / "docs" / "annotations.md").read_text()
    (code,) = re.findall(r"(?s)```python\n(import geopandas\n.*?)```", text)
    code = code.replace("slide.geojson", str(tmp_path / "drawn.geojson")).replace("toy_2", "one")
    exec(code, {"spacrd": spacrd, "sdata": sdata})  # the example is part of this repository
    expected = wanted(sdata.tables["table"].obsm["spatial"])
    assert np.array_equal(classes(sdata.tables["table"], "pathologist"), expected)
