"""Malformed ``uns["spatial"]`` and ``uns["spatialdata_attrs"]``, and names that would replace something."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import spacrd

# The images of these tests are of one colour each.
pytestmark = pytest.mark.filterwarnings("ignore:Image .* is of one colour")

FACTORS = {"spot_diameter_fullres": 60.0, "tissue_hires_scalef": 0.5}


def _table(entry):
    table = ad.AnnData(np.ones((4, 2), np.float32))
    table.obsm["spatial"] = np.array([[50.0, 50], [150, 50], [50, 150], [150, 150]])
    table.uns["spatial"] = {"a": entry}
    return table


def _entry(image=None, **factors):
    image = np.full((100, 100, 3), 200, np.uint8) if image is None else image
    return {"images": {"hires": image}, "scalefactors": {**FACTORS, **factors}}


@pytest.mark.parametrize(
    ("entry", "arguments", "error", "message"),
    [
        ("a.png", {}, TypeError, "must hold dictionaries"),
        ({"images": "a.png"}, {}, TypeError, "must hold dictionaries"),
        (_entry("a.png"), {}, TypeError, "must be an array .*got str"),
        (_entry(tissue_hires_scalef=0), {}, ValueError, "tissue_hires_scalef.*positive number, got 0"),
        (_entry(tissue_hires_scalef=np.nan), {}, ValueError, "tissue_hires_scalef.*positive number"),
        (_entry(spot_diameter_fullres="x"), {}, ValueError, "spot_diameter_fullres.*got 'x'"),
        (_entry(), {"patch_um": 1e9}, ValueError, "px wide, and image 'hires' only"),
        (_entry(), {"patch_um": 1e-3}, ValueError, "nothing can be seen"),
        (_entry(), {"patch_um": 1e-9}, ValueError, "no length in micrometres"),
        (_entry(), {"patch_um": 5e-324}, ValueError, "no length in micrometres"),
        (_entry(), {"patch_um": 1e300}, ValueError, "no length in micrometres"),
        (_entry(), {"key_added": "spatial"}, ValueError, "replace the coordinates"),
    ],
)
def test_malformed_images_and_factors_are_named_and_nothing_is_written(entry, arguments, error, message):
    table = _table(entry)
    with pytest.raises(error, match=message):
        spacrd.pp.extract_patches(table, **arguments)
    assert list(table.obsm) == ["spatial"] and list(table.uns) == ["spatial"] and not len(table.obs.columns)


@pytest.mark.parametrize("name", ["toy", "toy_full_image", "TABLE", "a b", "__a"])
def test_squares_never_replace_an_element(name):
    sdata = spacrd.datasets.toy_visium(n_rows=8, n_cols=8, n_genes=60, mpp=4)
    with pytest.raises(ValueError, match="store_shapes"):
        spacrd.pp.extract_patches(sdata, store_shapes=name)
    assert "X_handcrafted" not in sdata["table"].obsm


def test_a_table_without_region_key_is_refused():
    sdata = spacrd.datasets.toy_visium(n_rows=8, n_cols=8, n_genes=60, mpp=4)
    sdata["table"].uns["spatialdata_attrs"] = {"region": "toy"}
    with pytest.raises(KeyError, match="TableModel.parse"):
        spacrd.pp.extract_patches(sdata)
