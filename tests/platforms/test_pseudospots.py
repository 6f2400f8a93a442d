"""Cells and bins added up to spots, and likelihoods carried back."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import spatialdata as sd
from scipy.spatial.distance import cdist
from spatialdata.models import PointsModel
from spatialdata.transformations import Identity, Scale, Sequence, get_transformation, set_transformation

import spacrd
from tests.making.image_sections import make_adata, make_sdata
from tests.making.pixel_encoder import KEY, check, expected, extract, facts
from tests.making.platforms.tissue import poisson
from tests.making.platforms.visium_hd import read_visium_hd
from tests.making.platforms.xenium import LIGHT, PIXEL_UM, read_xenium


@pytest.fixture
def xenium(xenium_folder):
    """A section whose image lies turned, its cells shuffled and some left out."""
    sdata = read_xenium(xenium_folder(degrees=7.0).path, **LIGHT)
    order = np.random.default_rng(3).permutation(sdata.tables["table"].n_obs)[:200]
    sdata.tables["table"] = sdata.tables["table"][order].copy()
    return sdata


def cells_adata(n: int = 400, seed: int = 0) -> ad.AnnData:
    """Cells as an AnnData in micrometres, with a label."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 1000, (n, 2))
    counts = poisson(xy, np.empty((0, 2)))
    obs = pd.DataFrame({"kind": pd.Categorical(np.where(xy[:, 0] < 400, "tumour", "stroma"))})
    obs.index = [f"cell{i}" for i in range(n)]
    var = pd.DataFrame(index=counts.genes)
    return ad.AnnData(counts.counts.astype(np.float32), obs=obs, var=var, obsm={"spatial": xy})


def scored(spots, seed: int = 0):
    """Spots with the results of a scoring, likelihoods of a known kind."""
    table = spots if isinstance(spots, ad.AnnData) else spots.tables["table"]
    n = table.n_obs
    likelihood = np.random.default_rng(seed).random(n).astype(np.float32)
    likelihood[0] = np.nan
    table.obs["spacrd_likelihood"] = likelihood
    table.obs["spacrd_uncertainty"] = np.float32(0.0)
    called = pd.Series(np.where(likelihood >= 0.5, "cancer", "normal"), index=table.obs_names)
    called.iloc[0] = np.nan
    table.obs["spacrd_region"] = pd.Categorical(called, categories=["normal", "cancer", "uncertain"])
    names = table.uns["spacrd"]["pseudospots"]["sections"]
    report = {"threshold": 0.5, "threshold_method": "given", "verdict": "tumour", "n_scored": n - 1}
    sections = {name: dict(report) for name in names}
    table.uns["spacrd"]["spacrd"] = {"model": "made", "library_key": "", "sections": sections}
    return likelihood


def test_counts_of_xenium_cells_are_added_up(xenium):
    before = xenium.tables["table"].copy()
    spots = spacrd.pp.pseudospots(xenium, diameter_um=80.0)
    table, cells = spots.tables["table"], xenium.tables["table"]
    xy_um = table.obsm["spatial"] * PIXEL_UM
    inside = cdist(xy_um, cells.obsm["spatial"]) <= 40.0
    # The raster has its centroid within half a pixel of the cell, so a cell at the very rim may fall on either side.
    clear = (np.abs(cdist(xy_um, cells.obsm["spatial"]) - 40.0) > 0.2).all(axis=1)
    assert clear.mean() > 0.9
    assert np.array_equal(table.X.toarray()[clear], (inside @ cells.X.toarray())[clear])
    assert np.array_equal(table.obs["n_cells"][clear], inside.sum(axis=1)[clear])
    nearest = np.sort(cdist(xy_um, xy_um), axis=1)[:, 1]
    assert np.allclose(np.median(nearest), 100.0)
    assert list(table.var_names) == list(cells.var_names)
    made = table.uns["spacrd"]["pseudospots"]["sections"]["cell_labels_pseudospots"]
    assert made["um_per_unit"] == pytest.approx(PIXEL_UM) and "Xenium" in made["um_per_unit_source"]
    assert np.array_equal(before.X.toarray(), cells.X.toarray()) and before.obs.equals(cells.obs)


def test_patches_of_spots_are_where_the_spots_are(xenium, xenium_folder):
    folder = xenium_folder(degrees=7.0)
    spots = spacrd.pp.pseudospots(xenium)
    table = extract(spots, patch_um=65.0)
    check(table, expected(table.obsm["spatial"], 65.0 / PIXEL_UM, folder.to_um), 2.5)
    assert facts(table)["mpp"] == pytest.approx(0.5, rel=1e-6)


def test_counts_of_visium_hd_bins_are_added_up(hd_folder):
    sdata = read_visium_hd(hd_folder.path, [8])
    sdata.tables["square_008um"].var_names_make_unique()
    spots = spacrd.pp.pseudospots(sdata, table_key="square_008um", diameter_um=55.0, pitch_um=100.0)
    table = spots.tables["table"]
    full = table.obs["n_cells"] == table.obs["n_cells"].max()
    # A circle of 55 um holds 37 bins of 8 um, and a few more or less as it lies.
    assert 34 <= table.obs["n_cells"].max() <= 40 and full.any()
    made = next(iter(table.uns["spacrd"]["pseudospots"]["sections"].values()))
    assert made["um_per_unit"] == pytest.approx(0.5, rel=1e-3)


def test_spots_of_an_anndata_get_the_commonest_label():
    cells = cells_adata()
    spots = spacrd.pp.pseudospots(cells, diameter_um=100.0, pitch_um=200.0, lattice="square", mpp=1.0, label_key="kind")
    inside = cdist(spots.obsm["spatial"], cells.obsm["spatial"]) <= 50.0
    assert inside.any(axis=1).all()
    assert np.array_equal(spots.X.toarray(), inside @ cells.X.toarray())
    tumour = inside @ (cells.obs["kind"] == "tumour").to_numpy(int)
    clear = tumour * 2 != inside.sum(axis=1)
    expected_label = np.where(tumour * 2 > inside.sum(axis=1), "tumour", "stroma")
    assert (spots.obs["kind"].astype(str).to_numpy() == expected_label)[clear].all()
    steps = np.diff(np.unique(np.round(spots.obsm["spatial"][:, 0], 6)))
    assert np.allclose(steps, 200.0)


def test_likelihoods_of_spots_reach_their_cells(tmp_path):
    cells = cells_adata(seed=1)
    spots = spacrd.pp.pseudospots(cells, mpp=1.0)
    likelihood = scored(spots)
    shuffled = cells[np.random.default_rng(5).permutation(cells.n_obs)[:300]].copy()
    spacrd.tl.to_cells(shuffled, spots)
    weight = np.clip(1 - cdist(shuffled.obsm["spatial"], spots.obsm["spatial"][1:]) / 100.0, 0, None)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        wanted = np.where(total > 0, weight @ likelihood[1:] / total, np.nan)
    found = shuffled.obs["spacrd_likelihood"].to_numpy()
    assert np.allclose(found, wanted, atol=1e-5, equal_nan=True)
    called = shuffled.obs["spacrd_region"]
    assert set(called.dropna()) == {"normal", "cancer"}
    assert ((found > 0.5) == (called == "cancer"))[np.isfinite(found)].all()
    shuffled.write_h5ad(tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    assert again.obs["spacrd_region"].equals(called)


def test_cells_far_from_every_spot_are_nan():
    cells = cells_adata()
    spots = spacrd.pp.pseudospots(cells, mpp=1.0)
    scored(spots)
    cells.obsm["spatial"][7] = [5000.0, 5000.0]
    spacrd.tl.to_cells(cells, spots)
    assert cells.obs["spacrd_likelihood"].iloc[[7]].isna().all()
    assert cells.obs["spacrd_region"].iloc[[7]].isna().all()


def test_likelihoods_reach_the_cells_of_a_spatialdata(xenium, tmp_path):
    spots = spacrd.pp.pseudospots(xenium)
    spots.write(tmp_path / "spots.zarr")
    spots = sd.read_zarr(tmp_path / "spots.zarr")
    scored(spots)
    done = spacrd.tl.to_cells(xenium, spots, copy=True)
    assert "spacrd_likelihood" not in xenium.tables["table"].obs
    values = done.tables["table"].obs["spacrd_likelihood"]
    assert np.isfinite(values).mean() > 0.95
    done.write(tmp_path / "cells.zarr")
    assert sd.read_zarr(tmp_path / "cells.zarr").tables["table"].obs["spacrd_likelihood"].equals(values)


def test_an_input_error_of_pseudospots_says_what_is_wrong():
    cells = cells_adata()
    with pytest.raises(ValueError, match="diameter_um"):
        spacrd.pp.pseudospots(cells, diameter_um=-1.0, mpp=1.0)
    with pytest.raises(ValueError, match="lattice"):
        spacrd.pp.pseudospots(cells, lattice="round", mpp=1.0)
    with pytest.raises(KeyError, match="nothing"):
        spacrd.pp.pseudospots(cells, label_key="nothing", mpp=1.0)
    with pytest.raises(ValueError, match="no spot of 0.002 um"):
        spacrd.pp.pseudospots(cells, diameter_um=0.002, mpp=1.0)
    lost = cells.copy()
    lost.obsm["spatial"][:] = np.nan
    with pytest.raises(ValueError, match="finite coordinates"):
        spacrd.pp.pseudospots(lost, mpp=1.0)
    with pytest.raises(ValueError, match="not made by spacrd.pp.pseudospots"):
        spacrd.tl.to_cells(cells, cells)
    spots = spacrd.pp.pseudospots(cells, mpp=1.0)
    with pytest.raises(KeyError, match="no result 'spacrd'"):
        spacrd.tl.to_cells(cells, spots)


def test_a_lattice_that_would_not_fit_in_memory_is_refused():
    cells = cells_adata()
    with pytest.raises(ValueError, match="pitch_um"):
        spacrd.pp.pseudospots(cells, pitch_um=0.001, mpp=1.0)


def test_sections_keep_their_own_scale_and_names():
    one, two = make_adata(library="one"), make_adata(library="two")
    two.obsm["spatial"] = two.obsm["spatial"] * 2
    two.uns["spatial"]["two"]["scalefactors"]["spot_diameter_fullres"] *= 2
    both = ad.concat([one, two], label="slide", keys=["one", "two"])
    both.uns["spatial"] = {**one.uns["spatial"], **two.uns["spatial"]}
    made = spacrd.pp.pseudospots(both, library_key="slide", diameter_um=120.0).uns["spatial"]
    diameters = {name: entry["scalefactors"]["spot_diameter_fullres"] for name, entry in made.items()}
    assert diameters == pytest.approx({"one": 72.0, "two": 144.0})


def test_two_sections_of_one_element_get_spots_of_their_own(tmp_path):
    sdata = make_sdata()
    table = sdata.tables["table"]
    table.obs["slide"] = np.where(table.obsm["spatial"][:, 0] < 300, "left", "right")
    spots = spacrd.pp.pseudospots(sdata, library_key="slide", diameter_um=120.0)
    made = spots.tables["table"].obs
    assert list(spots.shapes) == ["one_left_pseudospots", "one_right_pseudospots"]
    assert (made.groupby("region", observed=True)["slide"].nunique() == 1).all()
    scored(spots)
    spacrd.tl.to_cells(sdata, spots, library_key="slide")
    assert table.obs["spacrd_likelihood"].notna().mean() > 0.9
    spots.write(tmp_path / "spots.zarr")


def test_rows_and_columns_are_those_of_a_platform_or_have_other_names():
    cells = cells_adata()
    assert "array_row" in spacrd.pp.pseudospots(cells, mpp=1.0).obs
    # What is not 100 um apart must not be taken for Visium where the record got lost.
    assert set(spacrd.pp.pseudospots(cells, mpp=1.0, pitch_um=150.0).obs) >= {"lattice_row", "lattice_col"}
    cells.obs["array_row"] = "a"
    with pytest.raises(ValueError, match=r"obs\['array_row'\] is a column that pseudospots writes"):
        spacrd.pp.pseudospots(cells, mpp=1.0, label_key="array_row")


def test_classes_in_a_column_region_are_carried_over(tmp_path):
    cells = cells_adata()
    cells.obs["region"] = cells.obs["kind"]
    by_kind, by_region = (spacrd.pp.pseudospots(cells, mpp=1.0, label_key=key) for key in ("kind", "region"))
    assert by_region.obs["region"].astype(str).to_list() == by_kind.obs["kind"].astype(str).to_list()
    sdata = make_sdata()
    sdata["table"].obs["region"] = sdata["table"].obs["region"].astype(str)
    spots = spacrd.pp.pseudospots(sdata, diameter_um=120.0, label_key="region")
    made = spots["table"]
    assert set(made.obs["region"]) == {"one"} and set(made.obs["pseudospots"]) == {"one_pseudospots"}
    assert made.uns["spatialdata_attrs"]["region_key"] == "pseudospots"
    scored(spots)
    spacrd.tl.to_cells(sdata, spots)
    assert sdata["table"].obs["spacrd_likelihood"].notna().any()
    spots.write(tmp_path / "spots.zarr")


def test_pseudospots_of_pseudospots_are_refused():
    sdata = make_sdata()
    spots = spacrd.pp.pseudospots(sdata, diameter_um=120.0)
    of_cells = spacrd.pp.pseudospots(cells_adata(), mpp=1.0)
    joined = ad.concat([of_cells, of_cells], label="slide", index_unique="-")
    renamed = spacrd.pp.pseudospots(cells_adata(), mpp=1.0, pitch_um=90.0)
    renamed.uns.clear()
    renamed.obs_names = [f"spot {number}" for number in range(renamed.n_obs)]
    joins = (joined, {"library_key": "slide", "mpp": 1.0})
    for made, arguments in ((spots, {}), (of_cells, {}), (renamed, {"mpp": 1.0}), joins):
        with pytest.raises(ValueError, match="are pseudo-spots already"):
            spacrd.pp.pseudospots(made, **arguments)


def test_spots_of_another_section_are_refused():
    cells, other = cells_adata(), cells_adata(seed=2)
    spots = spacrd.pp.pseudospots(cells, mpp=1.0)
    scored(spots)
    other.obsm["spatial"] += 5000.0
    with pytest.raises(ValueError, match="made of another section"):
        spacrd.tl.to_cells(other, spots)
    assert "spacrd_likelihood" not in other.obs


def test_spots_keep_their_scale_in_another_coordinate_system(xenium):
    spots = spacrd.pp.pseudospots(xenium)
    wanted = extract(spots, patch_um=65.0).obsm[KEY].copy()
    for name in (*spots.images, *spots.shapes):
        to_pixels = get_transformation(spots[name], "global")
        set_transformation(spots[name], Sequence([to_pixels, Scale([PIXEL_UM, PIXEL_UM], axes=("x", "y"))]), "um")
    table = extract(spots, patch_um=65.0, coordinate_system="um")
    assert facts(table)["mpp"] == pytest.approx(0.5, rel=1e-6) and np.array_equal(table.obsm[KEY], wanted)


def test_sums_are_those_of_spatialdata(xenium):
    """`spatialdata.aggregate` takes points, but neither labels nor a sparse table."""
    spots = spacrd.pp.pseudospots(xenium, diameter_um=80.0)
    cells = xenium.tables["table"]
    at = pd.DataFrame(cells.obsm["spatial"] / PIXEL_UM, columns=["x", "y"])
    values = pd.concat([at, pd.DataFrame(cells.X.toarray(), columns=cells.var_names)], axis=1)
    (circles,) = spots.shapes.values()
    points = PointsModel.parse(values, transformations={"global": Identity()})
    genes = list(cells.var_names)
    summed = sd.aggregate(values=points, by=circles, value_key=genes, agg_func="sum", target_coordinate_system="global")
    found = spots.tables["table"].X.toarray()
    # A cell at the very rim, or the half of a pixel that its raster is off, may make a difference.
    same = (np.asarray(summed["table"].X.todense()) == found).all(axis=1)
    assert same.mean() > 0.9
