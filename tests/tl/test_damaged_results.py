"""Results that somebody changed, and inputs that are nearly right: named, never taken for what they are not."""

from __future__ import annotations

import json

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest

import spacrd
from tests.making.image_sections import make_sdata
from tests.making.scored import scored_adata
from tests.making.sections import LABEL, POSITIVE, make_section

READERS = {
    "summarise": lambda table: spacrd.tl.summarise([table]),
    "evaluate": lambda table: spacrd.metrics.evaluate(table, "label", positive="invasive"),
    "distribution": spacrd.pl.distribution,
}


@pytest.mark.parametrize("read", [*READERS.values(), spacrd.tl.threshold], ids=[*READERS, "threshold"])
@pytest.mark.parametrize(
    "change", [lambda p: p * 100, lambda p: p - 0.5, lambda p: p.where(p < 0.9, np.inf)], ids=range(3)
)
def test_numbers_beyond_0_to_1_are_no_likelihoods(read, change):
    table = scored_adata()
    table.obs["spacrd_likelihood"] = change(table.obs["spacrd_likelihood"])
    with pytest.raises(ValueError, match="must hold likelihoods, between 0 and 1, but"):
        read(table)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("names", "told"),
    [({"cancer": "Cancer"}, "'Cancer'"), ({"normal": 0, "cancer": 1}, "'0', '1'")],
    ids=["text", "0/1"],
)
def test_regions_of_other_names_are_refused_and_called_again(read, names, told):
    table = scored_adata()
    wanted = spacrd.tl.threshold(table, method=0.5, copy=True).obs["spacrd_region"]
    table.obs["spacrd_region"] = table.obs["spacrd_region"].cat.rename_categories(names)
    with pytest.raises(ValueError, match=rf"holds {told} in place of 'normal', 'cancer'.*spacrd.tl.threshold"):
        read(table)
    spacrd.tl.threshold(table, method=np.float32(0.5))
    assert table.obs["spacrd_region"].tolist() == wanted.tolist()
    read(table)


def test_regions_that_became_text_are_read():
    table, text = scored_adata(), scored_adata()
    for each in (table, text):
        each.obs.loc[each.obs_names[:9], "spacrd_region"] = np.nan
    text.obs["spacrd_region"] = text.obs["spacrd_region"].astype(str)  # "nan" where none was called
    assert spacrd.tl.summarise([text]).equals(spacrd.tl.summarise([table]))


def test_scored_sections_that_were_joined_are_not_cut_as_one():
    parts = [scored_adata(), scored_adata(seed=1)]
    both = ad.concat(parts, label="sample", keys=["a", "b"], index_unique="-", uns_merge="first")
    with pytest.raises(ValueError, match="looks like several sections in one.*library_key='sample'"):
        spacrd.tl.threshold(both, method=0.5)
    spacrd.tl.threshold(both, method=0.5, library_key="sample")


@pytest.mark.parametrize("kind", ["category", object, str])
def test_a_measurement_is_no_label_however_it_is_stored(kind):
    table = make_section(1, image=False)
    table.obs["share"] = pd.Series(np.linspace(0, 1, table.n_obs), table.obs_names).astype(kind)
    with pytest.raises(ValueError, match=r"obs\['share'\] holds numbers such as 0.01"):
        spacrd.tl.fit(table, "share", positive=1, modality="expression")
    table.obs["part"] = np.where(
        table.obs[LABEL] == POSITIVE, "1.1", pd.Series(np.arange(90) % 12 / 10 + 2).astype(str)
    )
    with pytest.warns(spacrd.SpacrdWarning, match="not calibrated"):
        spacrd.tl.fit(table, "part", positive="1.1", modality="expression")


def test_two_columns_of_one_name_are_named():
    table = make_section(1, image=False)
    table.obs["other"] = table.obs[LABEL]
    table.obs.columns = [LABEL, LABEL]
    with pytest.raises(ValueError, match=f"There are 2 of obs column '{LABEL}'. Rename all but one"):
        spacrd.tl.fit(table, LABEL, positive=POSITIVE, modality="expression")


def test_complex_coordinates_and_embeddings_are_refused(both_model):
    for slot in ("spatial", "X_mine"):
        table = make_section(3)
        table.obsm[slot] = table.obsm[slot] + 1j
        with pytest.raises(TypeError, match="must hold numbers.*complex"):
            spacrd.tl.score(table, both_model)


@pytest.mark.parametrize("other", ["a ", "a\u200b", " a"])
def test_section_names_that_look_alike_are_said(gene_model, other):
    table = make_section(3, image=False)
    table.obs["slide"] = np.where(np.arange(90) < 45, "a", other)
    with pytest.warns(spacrd.SpacrdWarning, match="differ in blanks or characters without width alone"):
        spacrd.tl.score(table, gene_model, library_key="slide")


@pytest.mark.parametrize("wrong", [None, {"stroma": 1}])
def test_what_is_no_list_of_classes_is_named(wrong):
    table = scored_adata()
    for argument in ("positive", "ignore"):
        with pytest.raises(TypeError, match=f"{argument} must be a class of the label column or a list of them"):
            spacrd.metrics.evaluate(table, "label", **{"positive": "invasive", argument: wrong})
    with pytest.raises(TypeError, match="ignore must be a class of the label column or a list of them"):
        spacrd.tl.cross_validate(table, "label", positive="invasive", ignore=wrong)


def test_masked_labels_and_likelihoods_are_refused():
    masked = np.ma.masked_array([1, 0, 1], [0, 0, 1])
    for arguments in ((masked, [0.1, 0.2, 0.3]), ([1, 0, 1], masked), ([1, 0, 1], [0.1, 0.2, 0.3], masked)):
        with pytest.raises(ValueError, match="masked"):
            spacrd.metrics.scores(*arguments)


def test_a_recipe_takes_no_text_for_true():
    with pytest.raises(TypeError, match="balanced must be True or False, got 'no'"):
        spacrd.model.Recipe(balanced="no")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"save": "map"}, ValueError, "save='map' is no name of an image file: end it in one of .*png"),
        ({"save": "scored.h5ad"}, ValueError, "save='scored.h5ad' is no name of an image file"),
        ({"save": "nowhere/map.png"}, FileNotFoundError, "There is no folder 'nowhere'. Make it first"),
        ({"save": True}, TypeError, "save must name a file, got True"),
        ({"ax": "x"}, TypeError, "ax must be Axes of matplotlib, or a list of them, got 'x'"),
        ({"bins": 0}, ValueError, "bins must be at least 1, got 0"),
        ({"bins": 10_001}, ValueError, "bins must be at most 10000, got 10001"),
        ({"order": ["stroma"]}, ValueError, "order names classes to draw, but no column of classes"),
    ],
    ids=range(8),
)
def test_wrong_arguments_of_plots_are_named(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        spacrd.pl.distribution(scored_adata(), **arguments)
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match="color must be a name or a list of names, got 3"):
        spacrd.pl.likelihood(scored_adata(), color=3)


def test_a_corner_that_no_float_holds_is_left_out():
    ring = [[0, 0], [10**400, 0], [9, 9], [0, 0]]
    drawn = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    with pytest.raises(ValueError, match="no feature whose geometry can be read"):
        spacrd.pp.annotate(make_section(1), json.dumps([drawn]), key_added="drawn")


def test_blocks_of_an_image_that_have_another_size_than_they_say_are_named():
    sdata = make_sdata()
    image = sdata.images["one_full_image"]
    image.data = da.asarray(image.data).map_blocks(lambda block: block[:, :5], dtype=np.uint8)
    with pytest.raises(ValueError, match=r"cannot be read at .* px in place of"):
        spacrd.pp.extract_patches(sdata)
