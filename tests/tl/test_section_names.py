"""Section names become names of records and elements: one each, on every file system."""

from __future__ import annotations

import itertools
import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import spatialdata
from matplotlib.text import Text

import spacrd
from spacrd._keys import Keys
from tests.making.image_sections import make_sdata
from tests.making.sections import make_section

NAMES = [
    *("a/1", "a|1", "a:1", "a\\1", "a_1", "a 1", "a-1", "a.1", "a\n1", "a\x001", "a?1", "a*1", "a%1", "a<1"),
    *("", " ", ".", "..", "a.", "a ", " a", ".zattrs", ".zgroup", "zarr.json", "_index", "__x", "-", "~"),
    *("CON", "nul.txt", "COM1", "1", "1.0", "nan", "x" * 300, "x" * 301, "ü" * 90, "\u00e9", "e\u0301", "🧬", "名前"),
]


def of_windows(name: str) -> bool:
    """Whether a file of Windows can have this name."""
    device = re.fullmatch(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", name, re.IGNORECASE)
    return bool(name) and not re.search(r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^ ', name) and device is None


@pytest.mark.parametrize("key", [Keys.section, Keys.element], ids=["section", "element"])
def test_names_stay_apart_and_fit_every_file_system(key):
    names = [*NAMES, *(key(name) for name in NAMES if key(name) != name)]
    keys = [key(name) for name in names]
    assert len(set(keys)) == len(set(names)) == len(names)
    assert all(of_windows(name) and len(name.encode()) <= 100 for name in keys)
    assert not any(name.startswith((".", "__")) for name in keys)
    assert [key(name) for name in ("toy_1", "A1", "1", "S1.2-b", "Größe")] == ["toy_1", "A1", "1", "S1.2-b", "Größe"]


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_the_record_of_every_name_is_read_back(gene_model, tmp_path, kind):
    names = [name for name in NAMES if "\0" not in name]  # AnnData itself writes no such category
    table = ad.concat([make_section(seed, n=12, image=False) for seed in range(len(names))])
    table.obs["slide"] = np.repeat(names, 12)
    with pytest.warns(spacrd.SpacrdWarning, match="differ in blanks or characters without width alone"):
        spacrd.tl.score(table, gene_model, library_key="slide")
    (table.write_h5ad if kind == "h5ad" else table.write_zarr)(tmp_path / "x")
    again = (ad.read_h5ad if kind == "h5ad" else ad.read_zarr)(tmp_path / "x")
    assert len(again.uns["spacrd"]["spacrd"]["sections"]) == len(names)
    spacrd.tl.threshold(again)
    assert again.obs["spacrd_region"].tolist() == table.obs["spacrd_region"].tolist()
    metrics = spacrd.metrics.evaluate(again, "pathologist", positive="invasive cancer")
    assert metrics["threshold"].iloc[: len(names)].notna().all()


def test_two_names_that_differ_in_a_forbidden_character_keep_their_own_threshold(gene_model):
    alone = {}
    for seed, name in ((3, "a/1"), (4, "a|1")):
        table = make_section(seed, image=False)
        spacrd.tl.score(table, gene_model)
        alone[name] = table.uns["spacrd"]["spacrd"]["sections"]["section"]["threshold"]
    both = ad.concat({"a/1": make_section(3, image=False), "a|1": make_section(4, image=False)}, label="slide")
    spacrd.tl.score(both, gene_model, library_key="slide")
    records = both.uns["spacrd"]["spacrd"]["sections"]
    assert {name: records[Keys.section(name)]["threshold"] for name in alone} == alone


@pytest.mark.parametrize("pair", [("a b", "a_b"), ("a/b", "a|b"), ("a b", "a  b")])
def test_two_names_never_share_an_element(pair, tmp_path):
    sdata = make_sdata()
    table = sdata.tables["table"]
    table.obs["slide"] = np.where(table.obsm["spatial"][:, 0] < 300, *pair)
    table.obs["spacrd_likelihood"] = np.float32(0.9)
    table.obs["spacrd_region"] = pd.Categorical(["cancer"] * table.n_obs)
    spacrd.tl.regions(sdata, library_key="slide")
    spacrd.pp.extract_patches(sdata, library_key="slide", store_shapes=True)
    spots = spacrd.pp.pseudospots(sdata, library_key="slide", diameter_um=150.0)
    assert sum("regions" in name for name in sdata.shapes) == sum("patches" in name for name in sdata.shapes) == 2
    assert len(spots.shapes) == 2
    sdata.write(tmp_path / "x.zarr")


def test_names_that_spatialdata_does_not_tell_apart_are_refused_before_any_work():
    sdata = make_sdata()
    table = sdata.tables["table"]
    table.obs["slide"] = np.where(table.obsm["spatial"][:, 0] < 300, "s1", "S1")
    table.obs["spacrd_likelihood"] = np.float32(0.9)
    table.obs["spacrd_region"] = pd.Categorical(["cancer"] * table.n_obs)
    before = set(table.obs), set(sdata.shapes)
    for call, arguments in (
        (spacrd.tl.regions, {}),
        (spacrd.pp.extract_patches, {"store_shapes": True}),
        (spacrd.pp.pseudospots, {"diameter_um": 150.0}),
    ):
        with pytest.raises(ValueError, match="two sections"):
            call(sdata, library_key="slide", **arguments)
    assert (set(table.obs), set(sdata.shapes)) == before


def test_elements_that_spatialdata_does_not_read_back_are_refused_before_any_work(gene_model):
    sections = [spacrd.datasets.toy_visium(n_rows=6, n_cols=6, n_genes=5, library_id=name) for name in ("ONE", "one")]
    sections[1]["table"].obs_names += "-2"
    sdata = spatialdata.concatenate(sections, concatenate_tables=True)
    table = sdata["table"]
    for call in (spacrd.pp.extract_patches, lambda data: spacrd.tl.score(data, gene_model), spacrd.get_anndata):
        with pytest.raises(ValueError, match="Elements 'ONE', 'one' differ in capital letters alone"):
            call(sdata)
    assert "spacrd" not in table.uns


def test_sections_of_a_store_that_is_not_read_back_are_refused_before_any_work(gene_model):
    sdata = spacrd.datasets.toy_visium(n_rows=6, n_cols=6, n_genes=5, full_image=False)
    table = sdata["table"]
    table.obs["slide"] = np.where(np.arange(table.n_obs) % 2, "s1", "S1")
    with pytest.raises(ValueError, match="Sections 'S1', 's1' differ in capital letters alone"):
        spacrd.tl.score(sdata, gene_model, library_key="slide")


def test_sections_that_differ_in_case_alone_are_two_and_warned_of(gene_model):
    both = ad.concat({"s1": make_section(3, image=False), "S1": make_section(4, image=False)}, label="slide")
    with pytest.warns(spacrd.SpacrdWarning, match="'S1', 's1' differ in capital letters alone"):
        spacrd.tl.score(both, gene_model, library_key="slide")
    assert len(both.uns["spacrd"]["spacrd"]["sections"]) == 2


@pytest.mark.parametrize("pair", [(1, "1"), (1, 1.0), (True, "True"), (True, 1), (1.5, "1.5")], ids=repr)
def test_values_that_may_be_one_section_or_two_are_refused(gene_model, pair):
    table = make_section(3, image=False)
    for numbers in (pair, pair[::-1]):
        values = list(itertools.islice(itertools.cycle(numbers), table.n_obs))
        table.obs["slide"] = pd.Series(values, index=table.obs_names, dtype=object)
        with pytest.raises(ValueError, match="may be one section or several"):
            spacrd.tl.score(table, gene_model, library_key="slide")
    assert "spacrd_likelihood" not in table.obs


@pytest.mark.parametrize("key", ["a/b", "", ".", "..", ".zattrs", "__x", "zarr.json", "a|b", "CON", "k" * 300, "a\0b"])
def test_a_result_that_cannot_be_stored_is_refused_before_any_work(gene_model, key):
    table = make_section(3, image=False)
    with pytest.raises(ValueError, match="cannot name a slot"):
        spacrd.tl.score(table, gene_model, key_added=key)
    assert "spacrd" not in table.uns


def test_contributions_of_a_region_are_found_under_its_own_name(gene_model):
    table = make_section(3, image=False)
    spacrd.tl.score(table, gene_model)
    names = np.array(["Tumor: grade 2", "Tumor| grade 2"])
    table.obs["drawn"] = pd.Categorical(names[np.arange(table.n_obs) % 2])
    spacrd.tl.explain(table, gene_model, groupby="drawn", n_steps=2)
    assert table.varm["spacrd_contributions"].shape[1] == 2
    for name in names:
        figure = spacrd.pl.explain(table, region=name)[0].figure
        assert any(name in text.get_text() for text in figure.findobj(Text))
    table.obs["drawn"] = pd.Series([1, "1"] * (table.n_obs // 2), index=table.obs_names, dtype=object)
    with pytest.raises(ValueError, match="by text and by number"):
        spacrd.tl.explain(table, gene_model, groupby="drawn")
