"""The simulated section has the shape of a real one, is deterministic and holds a task one can learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import spatialdata as sd
from scipy import sparse
from spatialdata.models import get_model
from spatialdata.transformations import get_transformation
from xarray import DataTree

from spacrd.datasets import toy_visium

CANCER = ["invasive cancer", "cancer in situ"]


@pytest.fixture(scope="module")
def small() -> sd.SpatialData:
    return toy_visium(n_rows=10, n_cols=11, n_genes=60, library_id="s", seed=3)


@pytest.fixture(scope="module")
def sections() -> list[sd.SpatialData]:
    return [toy_visium(seed=seed) for seed in range(3)]


def pixels(sdata: sd.SpatialData, name: str = "toy") -> np.ndarray:
    return sdata.images[f"{name}_full_image"]["scale0"]["image"].values.transpose(1, 2, 0)


def is_cancer(sdata: sd.SpatialData) -> np.ndarray:
    return sdata.tables["table"].obs["pathologist"].isin(CANCER).to_numpy()


def test_a_toy_has_the_elements_of_the_reader(small: sd.SpatialData) -> None:
    assert set(small.images) == {"s_full_image", "s_hires_image", "s_lowres_image"}
    assert set(small.shapes) == {"s"}
    assert set(small.tables) == {"table"}
    assert set(small.coordinate_systems) == {"s", "s_downscaled_hires", "s_downscaled_lowres"}
    full = small.images["s_full_image"]
    assert isinstance(full, DataTree)
    assert [full[f"scale{i}"]["image"].shape[1] for i in range(5)] == [
        full["scale0"]["image"].shape[1] >> i for i in range(5)
    ]
    for element in [*small.images.values(), *small.shapes.values(), *small.tables.values()]:
        get_model(element)().validate(element)


def test_table_and_circles_agree(small: sd.SpatialData) -> None:
    table, circles = small.tables["table"], small.shapes["s"]
    assert circles.index.equals(pd.Index(table.obs["spot_id"]))
    centres = np.stack([circles.geometry.x, circles.geometry.y], axis=1)
    np.testing.assert_array_equal(centres, table.obsm["spatial"])
    assert (circles["radius"] == 32.5).all()
    # Hexagonal: every inner spot has six neighbours at the pitch of 100 um.
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    near = ((distance > 0) & (distance < 101)).sum(axis=1)
    assert near.max() == 6
    assert distance[distance > 0].min() == pytest.approx(100)
    assert ((table.obs["array_row"] + table.obs["array_col"]) % 2 == 0).all()


def test_counts_are_raw(small: sd.SpatialData) -> None:
    table = small.tables["table"]
    assert sparse.isspmatrix_csr(table.X)
    assert table.X.dtype == np.float32
    assert (table.X.data == np.rint(table.X.data)).all()
    assert table.X.data.min() > 0
    assert table.var_names.is_unique
    assert table.obs_names.is_unique
    assert {"ERBB2", "EPCAM", "KRT19", "COL1A1", "PTPRC", "ADIPOQ", "CD3E"} <= set(toy_visium_genes(600))


def toy_visium_genes(n: int) -> list[str]:
    from spacrd.datasets._toy_counts import gene_names

    genes = gene_names(n)
    assert len(genes) == n == len(set(genes))
    return genes


@pytest.mark.parametrize("n", [1, 7, 600, 5000])
def test_gene_names_are_distinct(n: int) -> None:
    toy_visium_genes(n)


def test_the_same_seed_gives_the_same_section(small: sd.SpatialData) -> None:
    again = toy_visium(n_rows=10, n_cols=11, n_genes=60, library_id="s", seed=3)
    one, two = small.tables["table"], again.tables["table"]
    pd.testing.assert_frame_equal(one.obs, two.obs)
    assert (one.X != two.X).nnz == 0
    np.testing.assert_array_equal(pixels(small, "s"), pixels(again, "s"))


def test_another_seed_gives_another_section(sections: list[sd.SpatialData]) -> None:
    one, two = (s.tables["table"] for s in sections[:2])
    assert list(one.var_names) == list(two.var_names)
    shared = one.obs_names.intersection(two.obs_names)
    assert len(shared) > 300
    assert (
        one.obs.loc[shared, "pathologist"].astype(str) != two.obs.loc[shared, "pathologist"].astype(str)
    ).mean() > 0.3
    # Depth and stain differ: the batch.
    depth = [float(np.median(s.tables["table"].X.sum(axis=1).A1)) for s in sections]
    assert max(depth) / min(depth) > 1.2
    assert np.ptp([pixels(s).mean() for s in sections]) > 1


def test_batch_zero_has_one_depth() -> None:
    def expression_means(batch: float) -> np.ndarray:
        tables = [
            toy_visium(n_rows=12, n_cols=12, seed=s, batch=batch, mpp=4.0, tumour=False).tables["table"] for s in (0, 1)
        ]
        stroma = [t[t.obs["pathologist"] == "connective tissue"].X.mean(axis=0).A1 for t in tables]
        return np.abs(np.log(stroma[0] + 0.1) - np.log(stroma[1] + 0.1)).mean()

    assert expression_means(0.0) < 0.7 * expression_means(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_every_class_is_there(sections: list[sd.SpatialData], seed: int) -> None:
    shares = sections[seed].tables["table"].obs["pathologist"].value_counts(normalize=True)
    assert set(shares.index) == {*CANCER, "connective tissue", "adipose tissue", "breast glands", "immune infiltrate"}
    assert 0.15 < shares[CANCER].sum() < 0.5


def test_a_toy_without_tumour_has_no_cancer() -> None:
    sdata = toy_visium(n_rows=8, n_cols=8, n_genes=20, tumour=False)
    assert not is_cancer(sdata).any()
    assert not set(sdata.tables["table"].obs["pathologist"].cat.categories) & set(CANCER)


def test_unlabelled_and_no_full_image() -> None:
    sdata = toy_visium(n_rows=8, n_cols=8, n_genes=20, unlabelled=0.25, full_image=False)
    assert sdata.tables["table"].obs["pathologist"].isna().mean() == pytest.approx(0.25, abs=0.02)
    assert set(sdata.images) == {"toy_hires_image", "toy_lowres_image"}


def test_resolution_scales_everything() -> None:
    fine, coarse = (toy_visium(n_rows=7, n_cols=7, n_genes=20, mpp=mpp) for mpp in (1.0, 2.0))
    np.testing.assert_allclose(fine.tables["table"].obsm["spatial"], 2 * coarse.tables["table"].obsm["spatial"])
    assert fine.shapes["toy"]["radius"].iloc[0] == 2 * coarse.shapes["toy"]["radius"].iloc[0]
    assert pixels(fine).shape[0] == pytest.approx(2 * pixels(coarse).shape[0], abs=2)


def test_genes_are_learnable_but_not_trivial(sections: list[sd.SpatialData]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import StandardScaler

    def features(sdata: sd.SpatialData) -> np.ndarray:
        counts = sdata.tables["table"].X.toarray()
        return StandardScaler().fit_transform(np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)))

    y = [is_cancer(s) for s in sections]
    fit = LogisticRegression(C=0.01, max_iter=1000).fit(
        np.vstack([features(s) for s in sections[:2]]), np.concatenate(y[:2])
    )
    assert 0.85 < roc_auc_score(y[2], fit.decision_function(features(sections[2]))) < 0.98


@pytest.mark.parametrize(
    ("genes", "home"),
    [
        ("ERBB2 GRB7 FASN MKI67", "invasive cancer"),
        ("EPCAM KRT8 KRT18 KRT19", "invasive cancer"),
        ("COL1A1 COL1A2 COL3A1 DCN", "connective tissue"),
        ("ADIPOQ PLIN1 PLIN4 FABP4", "adipose tissue"),
        ("PTPRC CD3D CD3E CD2", "immune infiltrate"),
    ],
)
def test_marker_genes_mark_their_class(sections: list[sd.SpatialData], genes: str, home: str) -> None:
    """Markers take a larger share of the counts where they belong than anywhere but in a like tissue."""
    for sdata in sections:
        table = sdata.tables["table"]
        share = table[:, genes.split()].X.sum(axis=1).A1 / table.X.sum(axis=1).A1
        means = pd.Series(share).groupby(table.obs["pathologist"].astype(str).to_numpy()).mean()
        others = {"connective tissue", "adipose tissue", "immune infiltrate"} - {home}
        assert means[home] > 1.15 * means[sorted(others)].max()


def test_image_shows_the_labels(sections: list[sd.SpatialData]) -> None:
    for sdata in sections:
        table, image = sdata.tables["table"], pixels(sdata)
        assert image.dtype == np.uint8
        colour = np.array(
            [image[y - 20 : y + 21, x - 20 : x + 21].mean(axis=(0, 1)) for x, y in table.obsm["spatial"].astype(int)]
        )
        label = table.obs["pathologist"].astype(str).to_numpy()
        tumour, stroma, fat = (
            colour[label == name].mean(axis=0) for name in ("invasive cancer", "connective tissue", "adipose tissue")
        )
        assert fat.min() > 200
        assert tumour[0] < stroma[0] - 20  # purple nests take more red than pink stroma
        assert stroma[0] - stroma[1] > 40  # pink
        assert np.abs(image[:30].astype(int) - image[0, 0]).max() < 20  # glass


def test_images_show_the_same_place(small: sd.SpatialData) -> None:
    """A spot looks the same through each of the three images' transformations."""
    x, y = small.tables["table"].obsm["spatial"].T
    means = {}
    for key in ("hires", "lowres"):
        element = small.images[f"s_{key}_image"]
        to_full = get_transformation(element, "s").to_affine_matrix(("x", "y"), ("x", "y"))
        factor = 1 / to_full[0, 0]
        image = element.values.transpose(1, 2, 0).astype(float)
        means[key] = image[(y * factor).astype(int), (x * factor).astype(int)].mean(axis=1)
        shapes = get_transformation(small.shapes["s"], f"s_downscaled_{key}").to_affine_matrix(("x", "y"), ("x", "y"))
        assert shapes[0, 0] == pytest.approx(factor)
    full = pixels(small, "s").astype(float)
    blurred = np.array(
        [full[b - 4 : b + 5, a - 4 : a + 5].mean() for a, b in zip(x.astype(int), y.astype(int), strict=True)]
    )
    assert np.corrcoef(blurred, means["lowres"])[0, 1] > 0.8
    assert np.corrcoef(blurred, means["hires"])[0, 1] > 0.5


def test_a_toy_survives_zarr(small: sd.SpatialData, tmp_path: Path) -> None:
    small.write(tmp_path / "toy.zarr")
    back = sd.read_zarr(tmp_path / "toy.zarr")
    pd.testing.assert_frame_equal(back.tables["table"].obs, small.tables["table"].obs)
    assert (back.tables["table"].X != small.tables["table"].X).nnz == 0
    np.testing.assert_array_equal(pixels(back, "s"), pixels(small, "s"))
    assert set(back.coordinate_systems) == set(small.coordinate_systems)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"n_rows": 3}, ValueError, "n_rows must be at least 6"),
        ({"n_cols": 8.5}, TypeError, "n_cols must be a whole number"),
        ({"n_genes": 0}, ValueError, "n_genes must be at least 1"),
        ({"unlabelled": 1.5}, ValueError, "unlabelled=1.5"),
        ({"batch": -1.0}, ValueError, "batch=-1.0"),
        ({"mpp": 20}, ValueError, "mpp=20"),
        ({"mpp": "1"}, TypeError, "mpp must be a number, got '1'"),
        ({"batch": 1e9}, ValueError, "batch=1000000000.0 is out of range"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": "x"}, TypeError, "seed must be a whole number"),
        *(({"library_id": name}, ValueError, "library_id=") for name in ("a/1", "", "..", "a b", "x\0", "a" * 300)),
        ({"library_id": 3}, TypeError, "library_id must be a string"),
        ({"tumour": "no"}, TypeError, "tumour must be True or False, got 'no'"),
        ({"full_image": "False"}, TypeError, "full_image must be True or False"),
    ],
)
def test_arguments_out_of_range_are_refused(wrong: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        toy_visium(**wrong)


@pytest.mark.real_data
def test_same_shape_as_the_reader(real_data: Path) -> None:
    """Element names, types, keys, dtypes and coordinate systems are those of spatialdata-io."""
    from spatialdata_io import visium

    real = visium(real_data / "visium_tiny", dataset_id="s")
    toy = toy_visium(n_rows=7, n_cols=7, library_id="s", full_image=False)
    assert set(toy.images) == set(real.images)
    assert set(toy.shapes) == set(real.shapes)
    assert set(toy.coordinate_systems) == set(real.coordinate_systems)
    ours, theirs = toy.tables["table"], real.tables["table"]
    assert set(toy.tables) == set(real.tables)
    assert ours.uns["spatialdata_attrs"] == theirs.uns["spatialdata_attrs"]
    assert list(ours.obs.columns[:5]) == list(theirs.obs.columns)
    assert (ours.obs.dtypes.iloc[:5].astype(str) == theirs.obs.dtypes.astype(str)).all()
    assert set(ours.obsm) == set(theirs.obsm)
    assert type(ours.X) is type(theirs.X)
    assert set(ours.uns) == set(theirs.uns)
    assert set(ours.uns["spatial"]) == set(theirs.uns["spatial"])
    assert ours.obs_names[0][-2:] == theirs.obs_names[0][-2:] and len(ours.obs_names[0]) == len(theirs.obs_names[0])
    for name, element in real.shapes.items():
        assert (toy.shapes[name].dtypes.astype(str) == element.dtypes.astype(str)).all()
        assert toy.shapes[name].index.name == element.index.name
    for name, element in {**real.images, **real.shapes}.items():
        here, there = (get_transformation(e, get_all=True) for e in (toy[name], element))
        assert {k: type(v) for k, v in here.items()} == {k: type(v) for k, v in there.items()}
        assert type(toy[name]) is type(element)
    assert toy.images["s_hires_image"].dtype == real.images["s_hires_image"].dtype
