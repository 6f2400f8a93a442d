"""The simulated Xenium section has the shape of a real one, an image under its cells, and cancer that is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spatialdata as sd
from scipy import sparse
from sklearn.metrics import roc_auc_score
from spatialdata.models import get_model

import spacrd
from spacrd.datasets import toy_visium, toy_xenium
from tests.making.platforms.folders import make_xenium
from tests.making.platforms.xenium import LIGHT, read_xenium
from tests.making.toys import POSITIVE


@pytest.fixture(scope="module")
def small() -> sd.SpatialData:
    return toy_xenium(size_um=700, seed=3)


def test_a_toy_has_elements_of_the_reader(small: sd.SpatialData, tmp_path: Path) -> None:
    real = read_xenium(make_xenium(tmp_path).path, cells_as_circles=True, **LIGHT)
    assert {name for _, name, _ in small.gen_elements()} <= {name for _, name, _ in real.gen_elements()}
    assert small.coordinate_systems == real.coordinate_systems == ["global"]
    assert small.attrs["spatialdata_io_reader"] == real.attrs["spatialdata_io_reader"]
    table, reference = small["table"], real["table"]
    assert set(table.obs) - {"pathologist"} <= set(reference.obs)
    assert table.uns["spatialdata_attrs"] == reference.uns["spatialdata_attrs"]
    for name in ("cell_circles", "cell_boundaries", "nucleus_boundaries"):
        assert list(small[name].index) == list(table.obs["cell_id"])
        assert set(small[name].columns) <= set(real[name].columns)
    for _, _, element in small.gen_elements():
        get_model(element)().validate(element)


def test_counts_are_raw_and_cells_lie_where_the_table_says(small: sd.SpatialData) -> None:
    table = small["table"]
    assert sparse.isspmatrix_csr(table.X) and table.X.dtype == np.float32 and table.shape[1] == 200
    assert (table.X.data == np.rint(table.X.data)).all() and table.X.data.min() > 0
    assert table.obs_names.is_unique and 20 < np.median(table.obs["transcript_counts"]) < 500
    circles = small["cell_circles"]
    np.testing.assert_array_equal(np.column_stack([circles.geometry.x, circles.geometry.y]), table.obsm["spatial"])
    assert small["cell_boundaries"].contains(circles.geometry).all()
    assert set(toy_xenium(size_um=600, n_genes=50)["table"].var_names) < set(table.var_names)


def test_same_seed_same_section(small: sd.SpatialData) -> None:
    again, other = toy_xenium(size_um=700, seed=3), toy_xenium(size_um=700, seed=4)
    assert (again["table"].X != small["table"].X).nnz == 0
    assert again["table"].shape != other["table"].shape
    same, another = (np.asarray(each["he_image"]["scale0"]["image"]) for each in (again, other))
    assert np.array_equal(same, np.asarray(small["he_image"]["scale0"]["image"]))
    assert not np.array_equal(same, another)


def test_the_image_lies_under_the_cells_however_it_was_turned() -> None:
    colours = []
    for degrees in (0.0, 4.0, 135.0):
        cells = toy_xenium(size_um=700, seed=3, degrees=degrees)
        spots = spacrd.pp.pseudospots(cells, diameter_um=55, pitch_um=100)
        spacrd.pp.extract_patches(spots, patch_um=100)
        facts = spots["table"].uns["spacrd"]["X_handcrafted"]["sections"]
        assert [section["mpp"] for section in facts.values()] == [pytest.approx(1.0)]
        colours.append(spots["table"].obsm["X_handcrafted"][:, :3])
    for turned in colours[1:]:
        assert np.corrcoef(turned[:, 0], colours[0][:, 0])[0, 1] > 0.98


def test_labels_can_be_missing_and_a_section_can_be_healthy() -> None:
    healthy = toy_xenium(size_um=700, seed=3, tumour=False, unlabelled=0.25)["table"].obs["pathologist"]
    assert not healthy.isin(POSITIVE).any()
    assert healthy.isna().mean() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"size_um": 100}, "size_um=100 is out of range"), ({"n_genes": 601}, "n_genes=601"), ({"mpp": 0.1}, "mpp=0.1")],
)
def test_what_is_out_of_range_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        toy_xenium(**arguments)


@pytest.mark.filterwarnings("ignore::spacrd.SpacrdWarning")
def test_a_model_of_visium_finds_its_cancer() -> None:
    train = [toy_visium(seed=seed, n_rows=14, n_cols=14, full_image=False, mpp=4.0) for seed in (1, 2)]
    model = spacrd.tl.fit(train, "pathologist", positive=POSITIVE, modality="expression")
    cells = toy_xenium(seed=5)
    spots = spacrd.pp.pseudospots(cells, diameter_um=55, pitch_um=100, label_key="pathologist")
    spacrd.tl.score(spots, model)
    spacrd.tl.to_cells(cells, spots)
    for section, least in ((spots, 0.8), (cells, 0.75)):
        obs = section["table"].obs.dropna(subset="spacrd_likelihood")
        assert roc_auc_score(obs["pathologist"].isin(POSITIVE), obs["spacrd_likelihood"]) > least


@pytest.mark.parametrize("argument", ["seed", "size_um", "degrees", "batch"])
def test_what_is_no_number_is_refused(argument: str) -> None:
    with pytest.raises(TypeError, match=f"{argument} must be a"):
        toy_xenium(**{argument: "1"})
