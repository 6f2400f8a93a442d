"""Patches of one section and their embedding."""

from __future__ import annotations

import warnings

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.colour_encoder import KEY, check_colours, colours, extract, section
from tests.making.image_sections import SIZE, hexagons, make_adata, make_sdata, render


def test_each_spot_of_an_anndata_gets_the_patch_at_its_place():
    table = extract(make_adata())
    check_colours(table)
    assert table.obs["spacrd_in_image"].all() and not table.obs["spacrd_padded"].any()
    record = table.uns["spacrd"][KEY]
    assert (record["encoder"], record["dim"], record["size"]) == ("colour", 3, 32)
    assert record["patch_um"] == pytest.approx(65)
    facts = section(table)
    assert facts["image"] == "fullres" and facts["patch_px"] == pytest.approx(39)
    assert facts["mpp"] == pytest.approx(100 / 60) and "lattice" in facts["mpp_source"]
    assert (facts["n_patches"], facts["n_padded"], facts["n_off_image"]) == (table.n_obs, 0, 0)


def test_hires_lazy_and_float_images_give_the_same_colours():
    small = render(np.diag([0.5, 0.5, 1]), SIZE // 2, SIZE // 2).transpose(1, 2, 0)
    with pytest.warns(UserWarning, match="20 px wide"):
        table = extract(make_adata(hires=small))
    check_colours(table, 2.0)
    assert section(table)["mpp"] == pytest.approx(200 / 60)
    adata = make_adata(fullres=da.from_array(render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0), chunks=(200, 200, 3)))
    check_colours(extract(adata))
    adata = make_adata(fullres=(render(np.eye(3), SIZE, SIZE).transpose(1, 2, 0) / 255).astype(np.float32))
    check_colours(extract(adata))


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"scale": 2.0, "degrees": 7.0},
        {"degrees": 90.0},
        {"degrees": 180.0, "flip": True},
        {"scale": 3.0, "scale_factors": [2, 2], "chunks": (3, 130, 170)},
    ],
    ids=str,
)
def test_spatialdata_goes_through_its_transformations(view):
    sdata = make_sdata(**view)
    # Where the table thinks the spots are must not matter.
    sdata.tables["table"].obsm["elsewhere"] = sdata.tables["table"].obsm["spatial"].copy()
    sdata.tables["table"].obsm["spatial"] = sdata.tables["table"].obsm["spatial"] * 0
    table = extract(sdata)
    table.obsm["spatial"] = table.obsm["elsewhere"]
    check_colours(table)
    facts = section(table)
    assert facts["coordinate_system"] == "one" and facts["image"] == "one_full_image"
    assert facts["mpp"] == pytest.approx(100 / 60 / view.get("scale", 1.0), rel=1e-3)
    assert facts["level"] == (1 if "scale_factors" in view else 0)


def test_filtered_and_shuffled_tables_keep_their_rows():
    whole = extract(make_sdata())
    sdata = make_sdata()
    order = np.random.default_rng(0).permutation(whole.n_obs)[:20]
    names = list(whole.obs_names[order])
    sdata.tables["table"] = sdata.tables["table"][order].copy()
    table = extract(sdata)
    assert list(table.obs_names) == names
    assert np.array_equal(table.obsm[KEY], whole.obsm[KEY][order])


def test_spots_missing_in_the_element_are_an_error():
    sdata = make_sdata()
    sdata.shapes["one"] = sdata.shapes["one"].iloc[5:]
    with pytest.raises(KeyError, match=r"5 of .*'0', '1'.*match_table_to_element"):
        extract(sdata)


def test_patches_of_labels_lie_at_their_centroids():
    from spatialdata.models import Labels2DModel, TableModel
    from spatialdata.transformations import Identity

    sdata = make_sdata()
    raster = np.zeros((SIZE, SIZE), np.int32)
    for i, (x, y) in enumerate([(100, 200), (300, 80), (444, 500)]):
        raster[y - 6 : y + 6, x - 6 : x + 6] = i + 1
    sdata.labels["cells"] = Labels2DModel.parse(raster, dims=("y", "x"), transformations={"one": Identity()})
    table = make_adata(hexagons().iloc[:3])
    del table.uns["spatial"], table.obsm["spatial"]
    table.obs = pd.DataFrame({"cell": [2, 3, 1], "region": pd.Categorical(["cells"] * 3)}, index=list("abc"))
    sdata.tables["cells_table"] = TableModel.parse(table, region="cells", region_key="region", instance_key="cell")
    arguments = {"table_key": "cells_table", "encoder": "colour"}
    with pytest.raises(ValueError, match="`mpp`"):
        spacrd.pp.extract_patches(sdata, **arguments)
    spacrd.pp.extract_patches(sdata, mpp=0.5, **arguments)
    assert section(sdata.tables["cells_table"], name="cells")["patch_um"] == 112  # labels are cells
    spacrd.pp.extract_patches(sdata, mpp=0.5, patch_um=19.5, **arguments)
    expected = colours([(300, 80), (444, 500), (100, 200)])
    assert np.abs(sdata.tables["cells_table"].obsm[KEY] - expected).max() < 1


def test_patch_size_and_scale_can_be_given():
    table = extract(make_adata(), patch_um=130, key_added="wide")
    assert section(table, "wide")["patch_px"] == pytest.approx(78)
    assert np.abs(table.obsm["wide"] - colours(table.obsm["spatial"], 78.0)).max() < 1.5
    with pytest.warns(UserWarning, match="disagree"):
        table = extract(make_adata(), patch_um=65, mpp=0.65)
    assert section(table)["patch_px"] == pytest.approx(100)
    assert section(table)["mpp"] == pytest.approx(0.65)


def test_borders_are_padded_and_flagged_and_spots_off_the_image_are_nan():
    adata = make_adata()
    adata.obsm["spatial"][0] = [1.0, 300.0]
    adata.obsm["spatial"][1] = [-30.0, 300.0]
    adata.obsm["spatial"][2] = [np.nan, 300.0]
    with pytest.warns(UserWarning, match="2 of .* lie off image"):
        table = extract(adata)
    assert table.obs["spacrd_in_image"].tolist() == [True, False, False] + [True] * (table.n_obs - 3)
    assert table.obs["spacrd_padded"].tolist() == [True] + [False] * (table.n_obs - 1)
    assert np.isnan(table.obsm[KEY]).all(axis=1).sum() == 2
    facts = section(table)
    assert (facts["n_padded"], facts["n_off_image"]) == (1, 2)


def test_warnings_point_at_the_caller():
    adata = make_adata()
    adata.obsm["spatial"][1] = [-30.0, 300.0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spacrd.pp.extract_patches(adata, encoder="colour", mpp=1.0, patch_um=20.0)
    assert len(caught) == 4
    assert {warning.filename for warning in caught} == {__file__}


def test_results_survive_h5ad_and_zarr(tmp_path):
    adata = extract(make_adata())
    adata.write_h5ad(tmp_path / "a.h5ad")
    again = ad.read_h5ad(tmp_path / "a.h5ad")
    assert np.array_equal(again.obsm[KEY], adata.obsm[KEY])
    assert again.uns["spacrd"][KEY]["sections"]["one"]["mpp"] == section(adata)["mpp"]
    sdata = make_sdata()
    spacrd.pp.extract_patches(sdata, encoder="colour", store_shapes=True)
    sdata.write(tmp_path / "s.zarr")
    import spatialdata

    again = spatialdata.read_zarr(tmp_path / "s.zarr")
    assert again.tables["table"].uns["spacrd"][KEY]["encoder"] == "colour"
    squares = again.shapes["one_colour_patches"]
    assert np.allclose(np.sqrt(squares.area), 39) and list(squares.index) == list(sdata.shapes["one"].index)


def test_patch_squares_are_stored_only_when_asked():
    sdata = make_sdata()
    extract(sdata)
    assert list(sdata.shapes) == ["one"]
    extract(sdata, store_shapes="squares")
    extract(sdata, store_shapes="squares")
    assert set(sdata.shapes) == {"one", "squares"}
    with pytest.raises(ValueError, match="replace the spots"):
        extract(sdata, store_shapes="one")
    with pytest.raises(ValueError, match="SpatialData"):
        extract(make_adata(), store_shapes=True)


def test_copy_leaves_the_input_alone():
    adata = make_adata()
    result = spacrd.pp.extract_patches(adata, encoder="colour", copy=True)
    assert KEY in result.obsm and KEY not in adata.obsm and "spacrd" not in adata.uns
    sdata = make_sdata()
    result = spacrd.pp.extract_patches(sdata, encoder="colour", copy=True, store_shapes=True)
    assert KEY in result.tables["table"].obsm and "one_colour_patches" in result.shapes
    assert KEY not in sdata.tables["table"].obsm and list(sdata.shapes) == ["one"]


def test_batches_and_workers_do_not_change_embeddings():
    def handcrafted(**arguments):
        adata = make_adata()
        spacrd.pp.extract_patches(adata, **arguments)
        return adata.obsm["X_handcrafted"]

    first = handcrafted()
    assert np.isfinite(first).all()
    assert np.array_equal(first, handcrafted())
    assert np.array_equal(first, handcrafted(batch_size=5))
    assert np.array_equal(first, handcrafted(n_workers=2, batch_size=7))


def test_names_of_encoders_become_slots_anndata_can_store():
    adata = make_adata()
    spacrd.encoders.register("me/colour:2", lambda p: p.mean((1, 2)), dim=3, size=16)
    spacrd.pp.extract_patches(adata, encoder="me/colour:2")
    assert "X_me_colour_2" in adata.obsm
    assert adata.uns["spacrd"]["X_me_colour_2"]["encoder"] == "me/colour:2"


def test_a_timm_model_embeds_patches(tmp_path):
    torch = pytest.importorskip("torch")
    from spacrd.encoders._timm import import_timm

    torch.manual_seed(0)
    torch.save(import_timm().create_model("test_vit", pretrained=False).state_dict(), tmp_path / "w.pth")
    adata = make_adata(hexagons().iloc[:6])
    spacrd.pp.extract_patches(adata, encoder="test_vit", weights=tmp_path / "w.pth", device="cpu")
    assert adata.obsm["X_test_vit"].shape == (6, 64)
    record = adata.uns["spacrd"]["X_test_vit"]
    assert record["weights"] == "w.pth" and len(record["weights_sha256"]) == 64


def test_precision_is_used_and_recorded():
    full, half = make_adata(hexagons().iloc[:6]), make_adata(hexagons().iloc[:6])
    arguments = {"encoder": "test_vit", "weights": False, "device": "cpu"}
    spacrd.pp.extract_patches(full, **arguments)
    spacrd.pp.extract_patches(half, **arguments, precision="bf16-mixed")
    assert [a.uns["spacrd"]["X_test_vit"]["precision"] for a in (full, half)] == ["32-true", "bf16-mixed"]
    one, two = full.obsm["X_test_vit"], half.obsm["X_test_vit"]
    assert 0 < np.abs(one - two).max() < 0.05 * np.abs(one).max()


def test_a_device_out_of_memory_takes_smaller_batches():
    def encode(patches):
        if len(patches) > 10:
            raise RuntimeError("MPS backend out of memory")
        return patches.mean((1, 2))

    spacrd.encoders.register("large", encode, dim=3, size=32)
    adata = make_adata()
    with pytest.warns(UserWarning, match="ran out of memory") as caught:
        spacrd.pp.extract_patches(adata, encoder="large", key_added=KEY)
    assert "out of memory with 64 patches at a time; it goes on with 32" in str(caught[0].message)
    assert len(caught) == 3
    assert np.array_equal(adata.obsm[KEY], extract(make_adata()).obsm[KEY])


@pytest.mark.real_data
def test_a_real_visium_folder_is_embedded(real_data):
    spatialdata_io = pytest.importorskip("spatialdata_io")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sdata = spatialdata_io.visium(
            real_data / "visium_tiny", dataset_id="tiny", counts_file="filtered_feature_bc_matrix.h5"
        )
    with (
        pytest.warns(UserWarning, match="13 px wide"),
        pytest.warns(UserWarning, match="100 of 100 patches are black or lack a colour"),  # the image was cut away
    ):
        spacrd.pp.extract_patches(sdata)
    table = sdata.tables["table"]
    assert np.isfinite(table.obsm["X_handcrafted"]).all()
    facts = section(table, "X_handcrafted", "tiny")
    assert facts["image"] == "tiny_hires_image" and facts["coordinate_system"] == "tiny"
    assert facts["patch_um"] == pytest.approx(64.86, abs=0.1)
