"""The AnnData that scanpy and squidpy plot: spots lie where the SpatialData has them, and nothing else changes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import spatialdata
from spatialdata.transformations import Affine, Sequence, get_transformation, set_transformation

import spacrd
from tests.making.image_sections import make_sdata
from tests.making.platforms.xenium import LIGHT, read_xenium
from tests.making.scored import add_scores, scored_adata


@pytest.fixture
def section():
    sdata = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=20)
    add_scores(sdata["table"], "toy")
    return sdata


def test_scanpy_and_squidpy_draw_likelihoods_over_the_image(section):
    squidpy = pytest.importorskip("squidpy")
    adata = spacrd.get_anndata(section)
    (ax,) = sc.pl.spatial(adata, color="spacrd_likelihood", show=False)
    assert len(ax.images) == 1
    squidpy.pl.spatial_scatter(adata, color=["spacrd_likelihood", "spacrd_region"])
    assert all(len(panel.images) == 1 for panel in plt.gcf().axes[:2])
    plt.gcf().canvas.draw()


def test_the_table_is_copied_whole(section):
    before = section["table"].copy()
    adata = spacrd.get_anndata(section)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    np.testing.assert_array_equal(adata.X.toarray(), before.X.toarray())
    np.testing.assert_allclose(adata.obsm["spatial"], before.obsm["spatial"], atol=1e-6)
    np.testing.assert_equal(dict(section["table"].uns), dict(before.uns))
    entry = adata.uns["spatial"]["toy"]
    assert entry["scalefactors"]["spot_diameter_fullres"] == pytest.approx(2 * section.shapes["toy"]["radius"].iloc[0])
    assert max(entry["images"]["hires"].shape) <= 1500
    assert entry["metadata"] == before.uns["spatial"]["toy"]["metadata"]


@pytest.mark.parametrize("degrees", [0, 30])
def test_spots_lie_on_the_pixels_that_they_lie_on(degrees):
    sdata = make_sdata()
    turn = np.deg2rad(degrees)
    matrix = [[np.cos(turn), -np.sin(turn), 40], [np.sin(turn), np.cos(turn), -7], [0, 0, 1]]
    moved = Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y"))
    for element in (sdata.images["one_full_image"], sdata.shapes["one"]):
        placed = Sequence([get_transformation(element, to_coordinate_system="one"), moved])
        set_transformation(element, placed, to_coordinate_system="turned")
    here = spacrd.get_anndata(sdata)
    turned = spacrd.get_anndata(sdata, coordinate_system="turned")
    np.testing.assert_allclose(turned.obsm["spatial"], here.obsm["spatial"], atol=1e-6)
    np.testing.assert_array_equal(
        turned.uns["spatial"]["one"]["images"]["hires"], here.uns["spatial"]["one"]["images"]["hires"]
    )


def test_spots_off_the_tissue_are_placed_too(section):
    table = section["table"]
    table.obs["in_tissue"] = np.where(np.arange(table.n_obs) % 5 == 0, 0, 1)
    np.testing.assert_allclose(spacrd.get_anndata(section).obsm["spatial"], table.obsm["spatial"], atol=1e-6)


def test_several_sections_have_an_image_each():
    both = [spacrd.datasets.toy_visium(library_id=f"t{i}", n_rows=8, n_cols=8, n_genes=10, seed=i) for i in range(2)]
    sdata = spatialdata.concatenate(both, concatenate_tables=True)
    adata = spacrd.get_anndata(sdata)
    assert list(adata.uns["spatial"]) == ["t0", "t1"]
    for name in [name for name in sdata.images if name.startswith("t1")]:
        del sdata.images[name]
    adata = spacrd.get_anndata(sdata)
    assert list(adata.uns["spatial"]["t1"]["images"]) == [] and list(adata.uns["spatial"]["t0"]["images"]) == ["hires"]
    assert np.isfinite(adata.obsm["spatial"]).all()


@pytest.mark.parametrize("name", ["a/1", "", "..", "x" * 300])
def test_a_name_that_files_would_lose_is_refused(section, name):
    section["table"].obs["slide"] = name
    with pytest.raises(ValueError, match="AnnData would lose them in files"):
        spacrd.get_anndata(section, library_key="slide")


def test_cells_of_xenium_are_drawn(xenium_folder):
    adata = spacrd.get_anndata(read_xenium(xenium_folder().path, **LIGHT))
    (name,) = adata.uns["spatial"]
    assert adata.uns["spatial"][name]["scalefactors"]["spot_diameter_fullres"] > 0
    (ax,) = sc.pl.spatial(adata, color="total_counts", show=False)
    assert len(ax.images) == 1


def test_what_is_no_spatialdata_is_refused():
    with pytest.raises(TypeError, match="Expected a SpatialData, got AnnData"):
        spacrd.get_anndata(scored_adata())
    with pytest.raises(KeyError, match="no table 'cells'"):
        spacrd.get_anndata(spacrd.datasets.toy_visium(n_rows=8, n_cols=8, n_genes=5), table_key="cells")
