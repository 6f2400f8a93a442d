"""Everything that is written comes back from zarr and h5ad as it was, and can be worked on from there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import spatialdata
from shapely.geometry import box
from spatialdata.transformations import get_transformation

import spacrd
from spacrd._sections._elements import matrix_to
from tests.making.annotations import DUCT, collection, feature
from tests.making.recipes import small_recipe
from tests.making.toys import POSITIVE

ROOT = Path(__file__).parents[2]
DRAWN = collection(feature(DUCT, "Duct"), feature(box(40, 40, 350, 350), "Tumor"))


def toy(seed: int):
    return spacrd.datasets.toy_visium(seed=seed, n_rows=14, n_cols=14, n_genes=60, mpp=2.0)


@pytest.fixture(scope="module")
def section():
    return toy(2)


@pytest.fixture(scope="module")
def model():
    train = [toy(0), toy(1)]
    for sdata in train:
        spacrd.pp.extract_patches(sdata)
    return spacrd.tl.fit(train, "pathologist", positive=POSITIVE, recipe=small_recipe(members=1))


@pytest.fixture(scope="module")
def done(section, model):
    """A section with the results of every call; pseudo-spots made of it, and their likelihoods carried back."""
    spacrd.pp.extract_patches(section, store_shapes=True)
    spacrd.pp.annotate(section, DRAWN, key_added="drawn")
    spacrd.tl.score(section, model)
    spacrd.tl.explain(section, model)
    spots = spacrd.pp.pseudospots(section, diameter_um=150.0, label_key="pathologist")
    spacrd.pp.extract_patches(spots, patch_um=65.0)
    spacrd.tl.score(spots, model, on_mismatch="warn")
    spacrd.tl.to_cells(section, spots)
    spacrd.tl.threshold(section, method=0.3)
    assert len(spacrd.tl.regions(section))
    return section, spots


def assert_equal(found: Any, wanted: Any, path: str) -> None:
    """The same names and values, whatever kind of number or array they have become."""
    if isinstance(wanted, Mapping):
        assert set(found) == set(wanted), path
        for name in wanted:
            assert_equal(found[name], wanted[name], f"{path}/{name}")
    elif isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(wanted), obj=path)
    elif hasattr(wanted, "toarray"):
        assert (found != wanted).nnz == 0, path
    else:
        np.testing.assert_array_equal(found, wanted, err_msg=path)


def assert_same_table(found: ad.AnnData, wanted: ad.AnnData) -> None:
    for slot in ("obs", "var", "X", "obsm", "varm", "uns"):
        assert_equal(getattr(found, slot), getattr(wanted, slot), slot)


def test_results_survive_zarr(done, tmp_path):
    for number, wanted in enumerate(done):
        wanted.write(tmp_path / f"{number}.zarr")
        found = spatialdata.read_zarr(tmp_path / f"{number}.zarr")
        assert_same_table(found.tables["table"], wanted.tables["table"])
        assert set(found.shapes) == set(wanted.shapes)
        for name, shapes in wanted.shapes.items():
            pd.testing.assert_frame_equal(pd.DataFrame(found.shapes[name]), pd.DataFrame(shapes), obj=name)
            for system in get_transformation(shapes, get_all=True):
                assert np.array_equal(matrix_to(found.shapes[name], system), matrix_to(shapes, system))


def test_results_survive_h5ad(done, tmp_path):
    for sdata in done:
        sdata.tables["table"].write_h5ad(tmp_path / "table.h5ad")
        assert_same_table(ad.read_h5ad(tmp_path / "table.h5ad"), sdata.tables["table"])


def test_work_goes_on_where_it_was_read(done, model, tmp_path):
    section, spots = done
    for number, sdata in enumerate(done):
        sdata.write(tmp_path / f"{number}.zarr")
    again, spots = (spatialdata.read_zarr(tmp_path / f"{number}.zarr") for number in (0, 1))
    spacrd.tl.to_cells(again, spots)
    spacrd.tl.threshold(again, method=0.3)
    pd.testing.assert_frame_equal(again.tables["table"].obs, section.tables["table"].obs)
    pd.testing.assert_frame_equal(
        pd.DataFrame(spacrd.tl.regions(again)), pd.DataFrame(section.shapes["spacrd_regions"]), check_like=True
    )
    spacrd.pp.annotate(again, DRAWN, key_added="drawn", by="area")  # its own column may be written again
    spacrd.tl.score(again, model)
    spacrd.pl.likelihood(again, show=False)


def test_saving_into_the_store_as_the_docs_say(section, model, done, tmp_path, monkeypatch):
    text = (ROOT / "docs" / "howto" / "saving.md").read_text()
    (code,) = re.findall(r"```python\n(sdata = spatialdata.read_zarr.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    new = toy(2)
    spacrd.pp.extract_patches(new)
    new.write("section.zarr")
    names = {"spatialdata": spatialdata, "spacrd": spacrd, "model": model}
    for _ in range(2):  # what is there already is replaced
        exec(code, names)  # the example is part of this repository
        stored = spatialdata.read_zarr("section.zarr")
        assert_same_table(stored.tables["table"], names["sdata"].tables["table"])
        assert "spacrd_regions" in stored.shapes and set(stored.images) == set(new.images)
    called = stored.tables["table"].obs["spacrd_region"]
    assert (called == "cancer").any()
    monkeypatch.setattr(spacrd.tl, "score", lambda data, _: spacrd.tl.threshold(data, method=1 - 1e-9))
    exec(code, names)
    assert "spacrd_regions" not in spatialdata.read_zarr("section.zarr").shapes
    traps = [
        lambda: stored.write("section.zarr", overwrite=True),
        lambda: stored.write_element("table", overwrite=True),
    ]
    for trap in traps:
        with pytest.raises(ValueError, match="Cannot overwrite"):
            trap()
