from __future__ import annotations

import copy
import warnings

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.encoders import _registry
from tests.image.sections import SIZE, colour_at, hexagons, make_adata, make_sdata, render

KEY = "X_colour"


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    """An encoder whose answer is known: the mean colour."""
    monkeypatch.setattr(_registry, "_registered", {})
    spacrd.encoders.register("colour", lambda p: p.mean((1, 2)), dim=3, size=32)


def colours(xy, side=39.0):
    offset = np.linspace(-side / 2, side / 2, 41)
    x, y = np.meshgrid(offset, offset)
    return np.stack([colour_at(cx + x, cy + y).mean((1, 2)) for cx, cy in np.asarray(xy, float)])


def extract(data, **arguments):
    assert spacrd.pp.extract_patches(data, encoder="colour", **arguments) is None
    return data if isinstance(data, ad.AnnData) else data.tables["table"]


def section(table, key=KEY, name="one"):
    return table.uns["spacrd"][key]["sections"][name]


def check_colours(table, atol=1.0):
    assert table.obsm[KEY].dtype == np.float32
    assert np.abs(table.obsm[KEY] - colours(table.obsm["spatial"])).max() < atol


def test_anndata():
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


def test_anndata_hires_picture_and_lazy_pictures():
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


def test_labels_are_centred():
    from spatialdata.models import Labels2DModel, TableModel
    from spatialdata.transformations import Identity

    sdata = make_sdata()
    raster = np.zeros((SIZE, SIZE), np.int32)
    for i, (x, y) in enumerate([(100, 200), (300, 80), (444, 500)]):
        raster[y - 6 : y + 6, x - 6 : x + 6] = i + 1
    sdata.labels["cells"] = Labels2DModel.parse(raster, dims=("y", "x"), transformations={"one": Identity()})
    table = make_adata(hexagons().iloc[:3])
    del table.uns["spatial"]
    table.obs = pd.DataFrame({"cell": [2, 3, 1], "region": pd.Categorical(["cells"] * 3)}, index=list("abc"))
    sdata.tables["cells_table"] = TableModel.parse(table, region="cells", region_key="region", instance_key="cell")
    arguments = {"table_key": "cells_table", "encoder": "colour"}
    with pytest.raises(ValueError, match="`mpp`"):
        spacrd.pp.extract_patches(sdata, **arguments)
    with pytest.raises(ValueError, match="`patch_um`"):
        spacrd.pp.extract_patches(sdata, mpp=0.5, **arguments)
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


def test_borders_are_padded_and_flagged_and_spots_off_the_picture_are_nan():
    adata = make_adata()
    adata.obsm["spatial"][0] = [1.0, 300.0]
    adata.obsm["spatial"][1] = [-30.0, 300.0]
    adata.obsm["spatial"][2] = [np.nan, 300.0]
    with pytest.warns(UserWarning, match="2 of .* lie off picture"):
        table = extract(adata)
    assert table.obs["spacrd_in_image"].tolist() == [True, False, False] + [True] * (table.n_obs - 3)
    assert table.obs["spacrd_padded"].tolist() == [True] + [False] * (table.n_obs - 1)
    assert np.isnan(table.obsm[KEY]).all(axis=1).sum() == 2
    facts = section(table)
    assert (facts["n_padded"], facts["n_off_image"]) == (1, 2)


def two_libraries():
    spots = hexagons()
    a, b = make_adata(spots), make_adata(spots, library="two", fullres=np.full((SIZE, SIZE, 3), 77, np.uint8))
    both = ad.concat([a, b], label="sample", keys=["one", "two"])
    both.uns["spatial"] = {**a.uns["spatial"], **b.uns["spatial"]}
    return both[np.random.default_rng(0).permutation(both.n_obs)].copy()


def test_several_libraries_each_have_their_picture():
    table = extract(two_libraries(), library_key="sample")
    two = (table.obs["sample"] == "two").to_numpy()
    assert (table.obsm[KEY][two] == 77).all()
    assert np.abs(table.obsm[KEY][~two] - colours(table.obsm["spatial"][~two])).max() < 1
    assert set(table.uns["spacrd"][KEY]["sections"]) == {"one", "two"}


def test_one_region_after_the_other():
    table = extract(two_libraries(), library_key="sample", region="two")
    two = (table.obs["sample"] == "two").to_numpy()
    assert np.isnan(table.obsm[KEY][~two]).all() and (table.obsm[KEY][two] == 77).all()
    assert (
        table.obs["spacrd_in_image"].to_numpy()[two].all() and not table.obs["spacrd_in_image"].to_numpy()[~two].any()
    )
    extract(table, library_key="sample", region="one")
    assert np.array_equal(table.obsm[KEY], extract(two_libraries(), library_key="sample").obsm[KEY])
    assert set(table.uns["spacrd"][KEY]["sections"]) == {"one", "two"}
    spacrd.encoders.register("other", lambda p: p.mean((1, 2))[:, :2], dim=2, size=16)
    with pytest.raises(ValueError, match="3 columns"):
        spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample", region="one")


def test_sections_of_one_slot_share_their_encoder():
    table = extract(two_libraries(), library_key="sample", region="two")
    spacrd.encoders.register("other", lambda p: p.mean((1, 2)), dim=3, size=16)
    with pytest.raises(ValueError, match="made with encoder='colour', not 'other'"):
        spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample", region="one")
    spacrd.pp.extract_patches(table, encoder="other", key_added=KEY, library_key="sample")


def test_warnings_point_at_the_caller():
    adata = make_adata()
    adata.obsm["spatial"][1] = [-30.0, 300.0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spacrd.pp.extract_patches(adata, encoder="colour", mpp=1.0, patch_um=20.0)
    assert len(caught) == 4
    assert {warning.filename for warning in caught} == {__file__}


def test_library_without_its_entry():
    table = two_libraries()
    table.obs["sample"] = table.obs["sample"].astype(str).replace("two", "three")
    with pytest.raises(KeyError, match=r"'three'.*'one', 'two'"):
        extract(table, library_key="sample")


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


def test_timm_model_end_to_end(tmp_path):
    torch = pytest.importorskip("torch")
    from spacrd.encoders._timm import import_timm

    torch.manual_seed(0)
    torch.save(import_timm().create_model("test_vit", pretrained=False).state_dict(), tmp_path / "w.pth")
    adata = make_adata(hexagons().iloc[:6])
    spacrd.pp.extract_patches(adata, encoder="test_vit", weights=tmp_path / "w.pth", device="cpu")
    assert adata.obsm["X_test_vit"].shape == (6, 64)
    record = adata.uns["spacrd"]["X_test_vit"]
    assert record["weights"] == "w.pth" and len(record["weights_sha256"]) == 64


# ---- mistakes ----------------------------------------------------------------------------------


def _no_image(d):
    d.uns["spatial"]["one"]["images"] = {}


def _several(d):
    images = d.uns["spatial"]["one"]["images"]
    d.uns["spatial"]["one"]["images"] = {"a": images["fullres"], "b": images["fullres"]}


def _hires(d):
    images = d.uns["spatial"]["one"]["images"]
    images["fullres"] = images["fullres"][::4, ::4]


def _swapped(d):
    images = d.uns["spatial"]["one"]["images"]
    images["fullres"] = np.concatenate([images["fullres"]] * 3, axis=1)
    d.obsm["spatial"] = (d.obsm["spatial"] + [1100, 0])[:, ::-1].copy()


def _channels(d):
    d.uns["spatial"]["one"]["images"]["fullres"] = np.zeros((SIZE, SIZE, 5), np.uint8)


def _factor(d):
    d.uns["spatial"]["one"]["images"] = {"hires": np.zeros((300, 300, 3), np.uint8)}
    del d.uns["spatial"]["one"]["scalefactors"]["tissue_hires_scalef"]


@pytest.mark.filterwarnings("ignore:The spots are mirrored")
@pytest.mark.parametrize(
    ("damage", "arguments", "error", "message"),
    [
        (_no_image, {}, ValueError, "no image.*expression"),
        (lambda d: d.uns.pop("spatial"), {}, ValueError, "no image.*expression"),
        (_several, {}, ValueError, "several images and none is named: 'a', 'b'"),
        (_hires, {}, ValueError, "times as large"),
        (_swapped, {}, ValueError, "swapped"),
        (_channels, {}, ValueError, r"\(600, 600, 5\)"),
        (_factor, {}, KeyError, "tissue_hires_scalef"),
        (lambda d: d.obsm.pop("spatial"), {}, KeyError, "spatial"),
        (lambda d: d.obsm.update(spatial=d.obsm["spatial"] - 5000), {}, ValueError, "lie off the picture"),
        (None, {"image_key": "hires"}, KeyError, "no image 'hires'.*'fullres'"),
        (None, {"encoder": "nothing"}, KeyError, "no encoder 'nothing'"),
        (None, {"region": "two"}, KeyError, "no region 'two'.*'one'"),
        (None, {"library_key": "sample"}, KeyError, "'sample'.*'array_row'"),
        (None, {"coordinate_system": "global"}, ValueError, "SpatialData"),
        (None, {"patch_um": -5}, ValueError, "patch_um"),
        (None, {"patch_um": "65"}, TypeError, "patch_um"),
        (None, {"mpp": 500}, ValueError, "0.05 to 50"),
        (None, {"key_added": "a/b"}, ValueError, "a/b"),
        (None, {"batch_size": 0}, ValueError, "batch_size"),
        (None, {"n_workers": 1.5}, TypeError, "n_workers"),
        (None, {"weights": "nowhere.pth"}, ValueError, "no weights"),
    ],
)
def test_mistakes_are_named_and_change_nothing(damage, arguments, error, message):
    adata = make_adata()
    if damage is not None:
        damage(adata)
    before = copy.deepcopy(adata)
    with pytest.raises(error, match=message):
        spacrd.pp.extract_patches(adata, **{"encoder": "colour", **arguments})
    assert set(adata.obsm) == set(before.obsm) and list(adata.obs) == list(before.obs)
    assert all(np.array_equal(adata.obsm[k], before.obsm[k], equal_nan=True) for k in adata.obsm)
    assert "spacrd" not in adata.uns and set(adata.uns) == set(before.uns)


def test_wrong_objects_are_refused():
    with pytest.raises(TypeError, match="DataFrame"):
        spacrd.pp.extract_patches(pd.DataFrame())
    empty = make_adata()[:0].copy()
    with pytest.raises(ValueError, match="empty"):
        spacrd.pp.extract_patches(empty)


@pytest.mark.parametrize(
    ("damage", "arguments", "error", "message"),
    [
        (lambda s: s.images.pop("one_full_image"), {}, ValueError, "no image.*expression"),
        (lambda s: s.images.update(other=s.images["one_full_image"]), {}, None, ""),
        (None, {"image_key": "he"}, KeyError, "no image 'he'.*'one_full_image'"),
        (None, {"table_key": "cells"}, KeyError, "no table 'cells'.*'table'"),
        (None, {"coordinate_system": "global"}, KeyError, "coordinate system.*'global'.*'one'"),
    ],
)
def test_mistakes_in_spatialdata(damage, arguments, error, message):
    sdata = make_sdata()
    if damage is not None:
        damage(sdata)
    if error is None:
        extract(sdata, **arguments)
        return
    with pytest.raises(error, match=message):
        extract(sdata, **arguments)
    assert KEY not in sdata.tables["table"].obsm


def test_several_pictures_without_the_name_of_the_reader():
    sdata = make_sdata(image="he_image")
    sdata.images["dapi"] = sdata.images["he_image"]
    with pytest.raises(ValueError, match=r"several images.*'he_image'"):
        extract(sdata)
    extract(sdata, image_key="dapi")


def test_the_finest_picture_of_the_reader_is_taken():
    sdata = make_sdata()
    low = make_sdata(scale=0.1, image="one_lowres_image")
    sdata.images["one_lowres_image"] = low.images["one_lowres_image"]
    assert section(extract(sdata))["image"] == "one_full_image"
    with pytest.warns(UserWarning, match="4 px wide"):
        assert section(extract(sdata, image_key="one_lowres_image"))["image"] == "one_lowres_image"


def test_a_function_that_fails_leaves_the_input_alone():
    spacrd.encoders.register("broken", lambda p: np.full((len(p), 3), np.nan), dim=3, size=16)
    adata = make_adata()
    with pytest.raises(ValueError, match="not finite"):
        spacrd.pp.extract_patches(adata, encoder="broken")
    assert set(adata.obsm) == {"spatial"} and "spacrd" not in adata.uns


@pytest.mark.real_data
def test_real_visium_folder(real_data):
    spatialdata_io = pytest.importorskip("spatialdata_io")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sdata = spatialdata_io.visium(
            real_data / "visium_tiny", dataset_id="tiny", counts_file="filtered_feature_bc_matrix.h5"
        )
    with pytest.warns(UserWarning, match="13 px wide"):
        spacrd.pp.extract_patches(sdata)
    table = sdata.tables["table"]
    assert np.isfinite(table.obsm["X_handcrafted"]).all()
    facts = section(table, "X_handcrafted", "tiny")
    assert facts["image"] == "tiny_hires_image" and facts["coordinate_system"] == "tiny"
    assert facts["patch_um"] == pytest.approx(64.86, abs=0.1)
