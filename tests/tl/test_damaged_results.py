"""Results that somebody changed, and inputs that are nearly right: named, never taken for what they are not."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spacrd
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
