"""Genes matched by symbol or Ensembl id, whichever the table is indexed by."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd._sections import gene_names

LABELS = {"label_key": "pathologist", "positive": ["invasive cancer", "cancer in situ"]}


def by_ensembl(section, *, keep: str | None = "gene_name", twice: bool = False):
    """The table as readers make it that index genes by Ensembl id."""
    table = section["table"].copy()
    symbols = table.var_names.astype(str)
    table.var = pd.DataFrame(index=[f"ENSG{i:011d}" for i in range(table.n_vars)])
    if keep:
        values = pd.Series(symbols, index=table.var_names)
        if twice:
            values.iloc[-1] = values.iloc[0]
        table.var["chromosome"] = "1"
        table.var[keep] = pd.Categorical(values) if twice else values
    return table


@pytest.fixture(scope="module")
def sections():
    return [spacrd.datasets.toy_visium(n_rows=12, n_cols=12, n_genes=120, seed=s, mpp=4.0) for s in (0, 1, 2)]


@pytest.fixture(scope="module")
def model(sections):
    return spacrd.tl.fit([s["table"] for s in sections[:2]], **LABELS, modality="expression")


@pytest.mark.parametrize("twice", [False, True])
def test_a_table_of_ensembl_ids_is_scored_by_its_symbols(sections, model, twice):
    expected = sections[2]["table"].copy()
    spacrd.tl.score(expected, model)
    table = by_ensembl(sections[2], twice=twice)
    with pytest.warns(UserWarning, match=r"matched by var\['gene_name'\]"):
        spacrd.tl.score(table, model)
    if not twice:  # a gene whose name is taken counts as average
        assert np.allclose(table.obs["spacrd_likelihood"], expected.obs["spacrd_likelihood"], atol=1e-6)
    report = next(iter(table.uns["spacrd"]["spacrd"]["sections"].values()))
    assert report["gene_coverage"] == pytest.approx(119 / 120 if twice else 1.0)


def test_contributions_lie_at_the_right_genes(sections, model):
    expected, table = sections[2]["table"].copy(), by_ensembl(sections[2])
    with pytest.warns(UserWarning, match="gene_name"):
        spacrd.tl.score(table, model)
    with pytest.warns(UserWarning, match="gene_name"):
        spacrd.tl.explain(table, model)
    spacrd.tl.score(expected, model)
    spacrd.tl.explain(expected, model)
    found = table.varm["spacrd_contributions"].to_numpy()
    assert np.allclose(found, expected.varm["spacrd_contributions"].to_numpy(), atol=1e-6)


def test_sections_of_both_kinds_make_the_same_model(sections, model):
    first, second = sections[0]["table"], by_ensembl(sections[1])
    with pytest.warns(UserWarning, match="gene_name"):
        mixed = spacrd.tl.fit([first, second], **LABELS, modality="expression")
    assert mixed.config.expression == model.config.expression


def test_without_such_a_column_the_error_says_what_is_wrong(sections, model):
    with pytest.raises(ValueError, match="no gene in common.*ENSG.*symbols or Ensembl ids"):
        spacrd.tl.score(by_ensembl(sections[2], keep=None), model)


def test_names_that_match_are_not_looked_for_elsewhere(sections, model, recwarn):
    table = sections[2]["table"].copy()
    table.var["other"] = table.var_names[::-1].to_numpy()
    spacrd.tl.score(table, model)
    assert not [w for w in recwarn if "matched by" in str(w.message)]


@pytest.mark.parametrize("column", [None, "gene_id"])
def test_versions_of_ensembl_ids_make_no_other_genes(sections, column):
    """Trained on ids with one version, scored with another and with none; as names and in a column."""
    trained = [by_ensembl(section, keep=None) for section in sections]
    for table in trained:
        table.var_names = table.var_names + ".5"
    model = spacrd.tl.fit(trained[:2], **LABELS, modality="expression")
    spacrd.tl.score(trained[2], model)
    for version in ("", ".12"):
        table = by_ensembl(sections[2], keep=None)
        names = table.var_names + version
        table.var_names = names
        if column:
            table.var[column] = names
            table.var_names = [f"gene{i}" for i in range(table.n_vars)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*matched by var")
            spacrd.tl.score(table, model)
        report = next(iter(table.uns["spacrd"]["spacrd"]["sections"].values()))
        assert report["gene_coverage"] == 1.0
        assert np.allclose(table.obs["spacrd_likelihood"], trained[2].obs["spacrd_likelihood"], atol=1e-6)


def test_of_two_versions_of_a_gene_the_first_counts():
    table = ad.AnnData(np.zeros((1, 4), np.float32), var=pd.DataFrame(index=["ENSG1.2", "ENSG1.3", "ENSG2.1", "ACTB"]))
    found, source = gene_names(table, ["ENSG1.1", "ENSG2.1", "ENSMUSG3.1"])
    assert source is None and list(found) == ["ENSG1.1", "ENSG1.3", "ENSG2.1", "ACTB"]


def test_a_gene_without_a_name_is_left_out_of_a_fit_and_can_be_in_a_section(sections, tmp_path):
    tables = [section["table"].copy() for section in sections]
    for table in tables:
        table.var_names = ["", "  ", "g" * 2000, *table.var_names[3:]]
    with pytest.warns(spacrd.SpacrdWarning, match="3 genes have no name, or one of more than 1,000 characters"):
        fitted = spacrd.tl.fit(tables, **LABELS, modality="expression")
    assert len(fitted.config.expression.genes) == tables[0].n_vars - 3
    fitted.save(tmp_path / "m")
    with pytest.warns(spacrd.SpacrdWarning, match="was fitted on, or shares spots"):
        spacrd.tl.score(tables[0], spacrd.SpaCRD.load(tmp_path / "m"))
