"""Coordinates that are missing, infinite or absurd: a refusal, or NaN in the rows of these spots."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from tests.making.image_sections import make_adata, make_sdata
from tests.making.messages import messages_of
from tests.making.sections import make_section

ODD = [1e200, -1e200, 1e15, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("value", ODD)
def test_scoring_refuses_them(gene_model, value):
    section = make_section(3)
    section.obsm["spatial"][4:7, 1] = value
    with pytest.raises(ValueError, match="3 spots have (no finite coordinates|coordinates that no slide has)"):
        spacrd.tl.score(section, gene_model)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("array", [True, False])
def test_their_patches_are_nan(value, array):
    table = make_adata()
    if not array:
        table.obs = table.obs[[]].copy()
    table.obsm["spatial"][4:7, 1] = value
    assert messages_of(lambda: spacrd.pp.extract_patches(table, encoder="colour"), "3 of 85 spots lie off image")
    missing = np.isnan(table.obsm["X_colour"]).all(axis=1)
    assert np.flatnonzero(missing).tolist() == [4, 5, 6]


@pytest.mark.parametrize("value", ODD)
def test_pseudospots_and_annotations_refuse_them(value):
    cells = make_section(3)
    cells.obsm["spatial"][4, 0] = value
    with pytest.raises(ValueError, match="1 spots have"):
        spacrd.pp.pseudospots(cells, diameter_um=300, pitch_um=300, mpp=1.0)
    table = make_adata()
    table.obsm["spatial"][4, 0] = value
    square = {"type": "Polygon", "coordinates": [[[0, 0], [600, 0], [600, 600], [0, 600], [0, 0]]]}
    drawn = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "T"}}}
    with pytest.raises(ValueError, match="1 spots have"):
        spacrd.pp.annotate(table, drawn, key_added="q")


def far_shape(value):
    """A section one of whose shapes is far away."""
    import shapely

    sdata = make_sdata()
    del sdata["table"].obsm["spatial"]
    shapes = sdata["one"]
    points = shapes.geometry.to_numpy().copy()
    points[4] = shapely.Point(value, 10.0)
    sdata["one"] = shapes.set_geometry(points)
    return sdata


@pytest.mark.parametrize("value", [1e200, 1e15])
def test_shapes_far_away_have_no_patch(value):
    sdata = far_shape(value)
    messages_of(lambda: spacrd.pp.extract_patches(sdata, encoder="colour"))
    assert np.isnan(sdata["table"].obsm["X_colour"][4]).all()


def test_shapes_far_away_get_no_class_and_join_no_spot():
    sdata = far_shape(1e200)
    square = {"type": "Polygon", "coordinates": [[[0, 0], [200, 0], [200, 200], [0, 200], [0, 0]]]}
    drawn = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "T"}}}
    (message,) = messages_of(lambda: spacrd.pp.annotate(sdata, drawn, key_added="q", default="normal"))
    assert "1 of 85 spots have no finite coordinates and get no class" in message
    assert np.flatnonzero(sdata["table"].obs["q"].isna()).tolist() == [4]
    spots = []
    arguments = {"diameter_um": 400, "pitch_um": 300, "mpp": 1.0}
    said = messages_of(lambda: spots.append(spacrd.pp.pseudospots(sdata, **arguments)), "join no spot")
    assert said == ["Section 'one': 1 of 85 rows have no finite coordinates and join no spot."]


@pytest.mark.parametrize("scale", [1e-20, 1e-200])
def test_a_section_of_no_extent_is_refused(gene_model, scale):
    section = make_section(3)
    section.obsm["spatial"] *= scale
    with pytest.raises(ValueError, match="all spots lie within .*e-.*, which no slide has"):
        spacrd.tl.score(section, gene_model)
