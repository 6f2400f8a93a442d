"""Called spots to polygons, areas and distances."""

from __future__ import annotations

import json
import uuid

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import shapely
import spatialdata as sd
from spatialdata import transform

import spacrd
from spacrd._keys import Keys
from tests.making.image_sections import make_adata, make_sdata

UM = 100.0 / 60.0
"""Micrometres per coordinate unit of these sections: spots 60 units apart are 100 um apart."""
TILE_MM2 = np.sqrt(3) / 2 * 0.1**2
"""Tissue of one spot of a hexagonal lattice of 100 um."""


def called(data, cancer: np.ndarray, section: str = "one"):
    """Add the results of a scoring."""
    table = data if isinstance(data, ad.AnnData) else data.tables["table"]
    likelihood = np.where(cancer, 0.9, 0.1).astype(np.float32)
    table.obs["spacrd_likelihood"] = likelihood
    region = pd.Categorical(np.where(cancer, "cancer", "normal"), categories=["normal", "cancer", "uncertain"])
    table.obs["spacrd_region"] = region
    table.uns["spacrd"] = {"spacrd": {"library_key": "", "sections": {section: {"threshold": 0.5}}}}
    return data


def left(xy: np.ndarray) -> np.ndarray:
    return xy[:, 0] < 300


def test_outline_holds_the_cancer_spots_and_no_others():
    adata = make_adata()
    xy = adata.obsm["spatial"]
    cancer = left(xy) & (xy[:, 1] > 150)
    hole = np.flatnonzero(cancer)[len(xy) // 6]
    cancer[hole] = False
    found = spacrd.tl.regions(called(adata, cancer))
    inside = shapely.intersects(found.union_all(), shapely.points(xy))
    assert np.array_equal(inside, cancer)
    distance = adata.obs["spacrd_boundary_distance"].to_numpy()
    assert np.array_equal(distance < 0, cancer)
    boundary = found.boundary.union_all()
    assert np.allclose(np.abs(distance), shapely.distance(boundary, shapely.points(xy)) * UM, atol=1e-2)
    assert found["n_spots"].sum() == cancer.sum() and np.allclose(found["mean_likelihood"], 0.9)


def test_area_is_that_of_the_tissue():
    adata = make_adata()
    found = spacrd.tl.regions(called(adata, left(adata.obsm["spatial"])))
    assert len(found) == 1
    assert found["area_mm2"][0] == pytest.approx(found.geometry.area[0] * UM**2 / 1e6)
    n = left(adata.obsm["spatial"]).sum()
    # Spots at the border of the section reach a little further than half the way to a neighbour.
    assert n * TILE_MM2 * 0.97 < found["area_mm2"][0] < n * TILE_MM2 * 1.25


def test_islands_are_regions_and_small_ones_are_left_out():
    adata = make_adata()
    xy = adata.obsm["spatial"]
    cancer = left(xy) & (xy[:, 0] < 180)
    island = int(np.argmax(xy[:, 0] + xy[:, 1]))
    cancer[island] = True
    found = spacrd.tl.regions(called(adata, cancer))
    assert list(found["n_spots"]) == [cancer.sum() - 1, 1]
    assert found["area_mm2"].is_monotonic_decreasing
    large = spacrd.tl.regions(adata, min_spots=2)
    assert len(large) == 1 and adata.obs["spacrd_boundary_distance"].iloc[island] > 0


@pytest.mark.parametrize("view", [{}, {"degrees": 30.0, "flip": True}, {"scale": 2.0}], ids=str)
def test_shapes_follow_the_spots(view, tmp_path):
    sdata = make_sdata(**view)
    xy = sdata.tables["table"].obsm["spatial"]
    returned = spacrd.tl.regions(called(sdata, left(xy)))
    stored = transform(sdata.shapes["spacrd_regions"], to_coordinate_system="one")
    assert shapely.equals_exact(stored.geometry.iloc[0], returned.geometry.iloc[0], tolerance=1e-6)
    assert np.array_equal(shapely.intersects(stored.union_all(), shapely.points(xy)), left(xy))
    sdata.write(tmp_path / "s.zarr")
    again = sd.read_zarr(tmp_path / "s.zarr")
    assert again.shapes["spacrd_regions"]["area_mm2"].tolist() == returned["area_mm2"].tolist()
    assert (
        again.tables["table"]
        .obs["spacrd_boundary_distance"]
        .equals(sdata.tables["table"].obs["spacrd_boundary_distance"])
    )


@pytest.mark.parametrize("view", [{}, {"degrees": 90.0, "flip": True}, {"degrees": 20.0, "scale": 1.5}], ids=str)
def test_regions_read_back_from_qupath_hold_the_same_spots(view, tmp_path):
    sdata = make_sdata(**view)
    xy = sdata.tables["table"].obsm["spatial"]
    spacrd.tl.regions(called(sdata, left(xy)), geojson=tmp_path / "cancer.geojson")
    content = json.loads((tmp_path / "cancer.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    properties = feature["properties"]
    assert properties["objectType"] == "annotation" and properties["classification"]["name"] == "cancer"
    assert properties["classification"]["color"] == [213, 94, 0]
    assert properties["measurements"]["n_spots"] == left(xy).sum()
    uuid.UUID(feature["id"])
    outer, *_ = feature["geometry"]["coordinates"]  # RFC 7946: closed and counterclockwise
    assert feature["geometry"]["type"] == "Polygon" and outer[0] == outer[-1]
    assert shapely.is_ccw(shapely.linearrings(outer))
    corners = shapely.get_coordinates(shapely.geometry.shape(feature["geometry"]))
    height, width = sdata.images["one_full_image"].shape[1:]
    assert corners.min() > 0 and (corners.max(axis=0) < [width, height]).all()
    spacrd.pp.annotate(sdata, tmp_path / "cancer.geojson", key_added="back")
    assert np.array_equal(sdata.tables["table"].obs["back"] == "cancer", left(xy))
    assert not list(tmp_path.glob(".*.part"))


def test_no_cancer_is_an_empty_result(tmp_path):
    sdata = make_sdata()
    n = sdata.tables["table"].n_obs
    spacrd.tl.regions(called(sdata, np.arange(n) < 20))
    assert "spacrd_regions" in sdata.shapes
    found = spacrd.tl.regions(called(sdata, np.zeros(n, bool)), geojson=tmp_path / "none.geojson")
    assert len(found) == 0 and found.geometry.name == "geometry"
    assert set(found.columns) == {"section", "area_mm2", "mean_likelihood", "n_spots", "geometry"}
    assert "spacrd_regions" not in sdata.shapes
    assert sdata.tables["table"].obs["spacrd_boundary_distance"].isna().all()
    assert json.loads((tmp_path / "none.geojson").read_text()) == {"type": "FeatureCollection", "features": []}
    sdata.write(tmp_path / "s.zarr")


def test_uncertain_spots_are_no_cancer(tmp_path):
    adata = make_adata()
    called(adata, left(adata.obsm["spatial"]))
    some = np.flatnonzero(left(adata.obsm["spatial"]))[:10]
    adata.obs.iloc[some, adata.obs.columns.get_loc("spacrd_region")] = "uncertain"
    found = spacrd.tl.regions(adata)
    assert found["n_spots"].sum() == left(adata.obsm["spatial"]).sum() - 10
    adata.write_h5ad(tmp_path / "a.h5ad")
    distance = adata.obs["spacrd_boundary_distance"]
    assert ad.read_h5ad(tmp_path / "a.h5ad").obs["spacrd_boundary_distance"].equals(distance)


def test_one_spot_and_stacked_spots_have_an_outline():
    adata = make_adata()[:1].copy()
    with pytest.warns(spacrd.SpacrdWarning, match="disagree.*given as argument.*stored spot diameter"):
        found = spacrd.tl.regions(called(adata, np.array([True])), mpp=1.0, smooth_um=5.0)
    assert found["area_mm2"][0] == pytest.approx(np.pi * 30.0**2 / 1e6, rel=0.02)
    twice = make_adata()
    twice.obsm["spatial"][1] = twice.obsm["spatial"][0]
    found = spacrd.tl.regions(called(twice, np.arange(twice.n_obs) < 2), mpp=UM)
    assert found["n_spots"].tolist() == [2]
    stacked = ad.concat([make_adata(), make_adata()], index_unique="-")
    cancer = left(stacked.obsm["spatial"])
    found = spacrd.tl.regions(called(stacked, cancer, "section"), mpp=UM)
    assert found["n_spots"].tolist() == [cancer.sum()]


def test_an_input_error_says_what_is_wrong_and_writes_no_distances(tmp_path):
    adata = make_adata()
    with pytest.raises(KeyError, match="Run spacrd.tl.score"):
        spacrd.tl.regions(adata)
    called(adata, left(adata.obsm["spatial"]))
    with pytest.raises(ValueError, match="reach_um"):
        spacrd.tl.regions(adata, reach_um=0.0)
    with pytest.raises(ValueError, match="min_spots"):
        spacrd.tl.regions(adata, min_spots=0)
    with pytest.raises(FileNotFoundError):
        spacrd.tl.regions(adata, geojson=tmp_path / "no" / "folder.geojson")
    assert "spacrd_boundary_distance" not in adata.obs
    adata.obs["slide"] = np.where(np.arange(adata.n_obs) % 2, "a", "b")
    with pytest.raises(ValueError, match="there are 2 sections"):
        spacrd.tl.regions(adata, library_key="slide", geojson=tmp_path / "x.geojson")
    del adata.obs["spacrd_region"]
    with pytest.raises(KeyError, match="spacrd.tl.threshold"):
        spacrd.tl.regions(adata)


def test_a_section_may_have_any_name(tmp_path):
    sdata = make_sdata()
    table = called(sdata, np.arange(sdata.tables["table"].n_obs) % 3 == 0).tables["table"]
    table.obs["slide"] = np.where(left(table.obsm["spatial"]), "a/b c", "d")
    spacrd.tl.regions(sdata, library_key="slide")
    spacrd.pp.extract_patches(sdata, library_key="slide", store_shapes=True)
    name = Keys.element("a/b c")
    assert {f"spacrd_regions_{name}", "spacrd_regions_d", f"{name}_handcrafted_patches"} <= set(sdata.shapes)
    sdata.write(tmp_path / "s.zarr")


def test_a_file_that_is_no_geojson_is_not_replaced(tmp_path):
    (tmp_path / "section.h5ad").write_text("precious")
    adata = called(make_adata(), left(make_adata().obsm["spatial"]))
    for path, says in ((tmp_path / "section.h5ad", "names no GeoJSON"), ("x" * 300, "too long"), ("a\0", "null")):
        with pytest.raises(ValueError, match=says):
            spacrd.tl.regions(adata, geojson=path)
    assert (tmp_path / "section.h5ad").read_text() == "precious" and "spacrd_boundary_distance" not in adata.obs


def test_spots_that_are_not_finite_are_refused(tmp_path):
    sdata = called(make_sdata(), left(make_adata().obsm["spatial"]))
    sdata.shapes["one"].loc[3, "geometry"] = shapely.Point(np.nan, np.nan)
    with pytest.raises(ValueError, match="1 spots have no finite coordinates"):
        spacrd.tl.regions(sdata)
    with pytest.raises(OSError, match="irectory"):
        spacrd.tl.regions(called(make_adata(), left(make_adata().obsm["spatial"])), geojson=tmp_path)
    assert not list(tmp_path.parent.glob(".*.part"))
