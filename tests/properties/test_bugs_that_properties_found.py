"""Bugs that the properties found, each by itself."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import shapely
from matplotlib import pyplot

import spacrd
from tests.making.annotations import feature
from tests.making.image_sections import make_adata, make_sdata
from tests.making.recipes import small_recipe
from tests.making.registry import register_encoder
from tests.making.scored import scored_adata
from tests.making.sections import POSITIVE, make_section


def fit(sections):
    return spacrd.tl.fit(sections, "pathologist", positive=POSITIVE, recipe=small_recipe(members=1), max_epochs=1)


def test_a_section_without_any_label_does_not_change_the_prevalence():
    unlabelled = make_section(4)
    unlabelled.obs["pathologist"] = None
    model = fit([make_section(1), unlabelled, make_section(2)])
    classifier = model.parts.prevalence
    assert model.config.training["n_spots"] == 270
    # It is no evidence of what cancer looks like, so the classifier is that of the labelled sections.
    wanted = fit([make_section(1), make_section(2)]).parts.prevalence
    np.testing.assert_allclose(classifier.image.weight, wanted.image.weight, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*looks like several sections in one")
def test_stacked_copies_of_a_section_have_the_neighbours_of_one(model):
    target = make_section(3)
    spacrd.tl.score(target, model)
    wanted = target.obs["spacrd_likelihood"].to_numpy()
    twice = ad.concat([make_section(3), make_section(3)], keys=["a", "b"], index_unique="-")
    twice.uns["spacrd"] = make_section(3).uns["spacrd"]
    spacrd.tl.score(twice, model)
    found = twice.obs["spacrd_likelihood"].to_numpy().reshape(2, -1)
    assert np.corrcoef(*found)[0, 1] > 0.99
    assert np.corrcoef(found[0], wanted)[0, 1] > 0.95


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Image .* is grey")
def test_a_hole_of_nan_in_an_image_is_white(monkeypatch):
    pixels = np.full((600, 600, 3), 0.5, np.float32)
    pixels[:, 256:] = np.nan
    table = make_adata(hires=pixels)
    table.uns["spatial"]["one"]["scalefactors"]["tissue_hires_scalef"] = 1.0
    register_encoder(monkeypatch, "mean", lambda p: p.mean((1, 2)), dim=3, size=16)
    with pytest.warns(spacrd.SpacrdWarning, match="patches are white all over"):
        spacrd.pp.extract_patches(table, encoder="mean")
    right = table.obsm["spatial"][:, 0] > 300
    assert np.unique(table.obsm["X_mean"][right], axis=0).shape[0] == 1
    assert np.isfinite(table.obsm["X_mean"]).all()


@pytest.mark.parametrize("corner", [float("nan"), float("inf")])
def test_corners_that_are_not_finite_are_refused(corner):
    ring = [[0, 0], [corner, 0], [90, 90], [0, 0]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": {"name": "Tumor"}},
    }
    with pytest.raises(ValueError, match="a ring with corners that are no numbers"):
        spacrd.pp.annotate(make_adata(), feature, key_added="drawn")


def test_regions_of_a_section_without_places_are_refused():
    sdata = make_sdata()
    sdata["one"] = sdata["one"].set_geometry([shapely.Point(np.nan, np.nan)] * len(sdata["one"]))
    del sdata["table"].obsm["spatial"]
    with pytest.raises(ValueError, match="no spot has finite coordinates"):
        spacrd.pp.annotate(sdata, feature(shapely.box(0, 0, 90, 90), "Tumor"), key_added="drawn")


def test_spots_without_coordinates_do_not_stop_a_map():
    table = scored_adata(image=True)
    table.obsm["spatial"][3] = np.nan
    spacrd.pl.likelihood(table, show=False)
    pyplot.close("all")
