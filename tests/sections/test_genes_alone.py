"""Antibodies, control probes and spike-ins are no genes: they take no part, and are said once."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, hstack

import spacrd
from spacrd._sections import gene_columns
from tests.making.messages import messages_of
from tests.making.models import fit
from tests.making.recipes import SHORT
from tests.making.sections import make_section

PROTEINS = ["CD8A.1", "PTPRC.1", "KRT8.1", "mouse_IgG1k"]
CONTROLS = [
    "NegControlProbe_00042", "NegControlCodeword_0501", "UnassignedCodeword_0001", "DeprecatedCodeword_0003",
    "BLANK_0069", "Blank-12", "antisense_PROKR2", "Intergenic_Region_77", "NegPrb1", "NegPrb07", "NegProbe-WTX",
    "SystemControl12", "FalseCode3", "ERCC-00002", "ERCC_00171", "GRCh38_ERCC-00003", "Negative5", "CD3_TotalSeqB",
    "Hashtag_1", "ADT_CD4", "HTO-3",
]  # fmt: skip
GENES = ["ERCC1", "ERCC6L2", "NEGR1", "ADTRP", "BLNK", "FALEC", "TYPE", "IGHG1", "PTPRC", "blanks", "HTN1", "CONTROL"]


def with_features(section, names, var=None, level=200):
    """The section with further features of high counts among its genes."""
    extra = np.random.default_rng(0).poisson(level, (section.n_obs, len(names))).astype(np.float32)
    table = ad.AnnData(
        csr_matrix(hstack([section.X, csr_matrix(extra)])),
        obs=section.obs.copy(),
        var=pd.DataFrame(var or {}, index=[*section.var_names, *names]),
        obsm=dict(section.obsm),
        uns=section.uns.copy(),
    )
    order = np.random.default_rng(1).permutation(table.n_vars)
    return table[:, order].copy()


def types(n_genes, n_others, kind, *, column="feature_types", gene="Gene Expression"):
    return {column: [gene] * n_genes + [kind] * n_others}


def said(call):
    return messages_of(call, "features")


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_known_by_its_name(name):
    table = ad.AnnData(np.zeros((1, 2), np.float32), var=pd.DataFrame(index=["KRT8", name]))
    assert gene_columns(table).tolist() == [0]


@pytest.mark.parametrize("name", GENES)
def test_a_gene_with_a_similar_name_stays(name):
    table = ad.AnnData(np.zeros((1, 2), np.float32), var=pd.DataFrame(index=["KRT8", name]))
    assert gene_columns(table).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("column", "gene", "other"),
    [
        ("feature_types", "Gene Expression", "Antibody Capture"),
        ("feature_types", "Gene Expression", "Protein Expression"),
        ("feature_types", "GEX", "ADT"),
        ("feature_type", "gene_expression", "Multiplexing Capture"),
        ("Type", "Gene Expression", "CRISPR Guide Capture"),
        ("feature_types", "Gene Expression", "Negative Control Probe"),
        ("feature_types", np.nan, "Antibody Capture"),
        ("feature_types", "protein_coding", "Antibody Capture"),
    ],
)
def test_a_column_says_what_is_a_gene(column, gene, other):
    var = pd.DataFrame(types(2, 2, other, column=column, gene=gene), index=["A", "B", "C", "D"])
    table = ad.AnnData(np.zeros((1, 4), np.float32), var=var)
    assert gene_columns(table).tolist() == [0, 1]


@pytest.mark.parametrize("values", [["protein_coding", "lncRNA"], ["Gene Expression", np.nan], [np.nan, np.nan]])
def test_biotypes_and_missing_types_leave_genes_alone(values):
    var = pd.DataFrame({"feature_types": values}, index=["A", "B"])
    assert gene_columns(ad.AnnData(np.zeros((1, 2), np.float32), var=var)).tolist() == [0, 1]


@pytest.mark.filterwarnings("ignore:40 of 40 features")
def test_a_table_without_genes_is_refused(gene_model):
    section = make_section(3)
    section.var["feature_types"] = "Antibody Capture"
    with pytest.raises(ValueError, match="has no gene: its 40 features are of the kind 'Antibody Capture'"):
        spacrd.tl.score(section, gene_model)


@pytest.mark.parametrize("where", ["memory", "dense", "backed"])
def test_other_features_change_no_likelihood_and_no_report(gene_model, where, tmp_path):
    section = make_section(3)
    both = with_features(section, PROTEINS, types(40, 4, "Antibody Capture"))
    if where == "dense":
        both.X = both.X.toarray()
    if where == "backed":
        both.write_h5ad(tmp_path / "both.h5ad")
        both = ad.read_h5ad(tmp_path / "both.h5ad", backed="r")
    spacrd.tl.score(section, gene_model)
    (message,) = said(lambda: spacrd.tl.score(both, gene_model))
    assert message == "4 of 44 features are no genes and were left out: 'Antibody Capture'."
    np.testing.assert_allclose(both.obs["spacrd_likelihood"], section.obs["spacrd_likelihood"], atol=1e-6)
    one, other = (table.uns["spacrd"]["spacrd"]["sections"]["section"] for table in (section, both))
    for name in ("median_counts", "depth_ratio", "expression_distance", "gene_coverage"):
        assert one[name] == pytest.approx(other[name], rel=1e-5), name


@pytest.mark.parametrize("by", ["column", "name"])
def test_a_model_learns_no_antibody_and_no_control(by):
    names = PROTEINS if by == "column" else CONTROLS
    var = types(40, len(names), "Antibody Capture") if by == "column" else None
    sections = [with_features(make_section(seed), names, var) for seed in (1, 2)]
    models = []
    messages = said(lambda: models.append(fit(sections, modality="expression", recipe=SHORT, n_top_genes=30)))
    assert len(messages) == 1 and f"{len(names)} of {40 + len(names)} features" in messages[0]
    contract = models[0].config.expression
    assert not set(names) & {*contract.genes, *contract.depth_genes}


def test_contributions_lie_at_the_genes(gene_model):
    section = make_section(3)
    both = with_features(section, PROTEINS, types(40, 4, "Antibody Capture"))
    for table in (section, both):
        said(lambda table=table: spacrd.tl.score(table, gene_model))
        spacrd.tl.explain(table, gene_model, n_steps=2)
    alone, found = (table.varm["spacrd_contributions"] for table in (section, both))
    pd.testing.assert_frame_equal(found.loc[alone.index], alone, atol=1e-5)
    assert found.loc[PROTEINS].isna().all(axis=None)


def test_pseudospots_hold_genes_alone():
    both = with_features(make_section(3), CONTROLS)
    made = []
    arguments = {"diameter_um": 300, "pitch_um": 300, "mpp": 1.0}
    assert len(said(lambda: made.append(spacrd.pp.pseudospots(both, **arguments)))) == 1
    alone = spacrd.pp.pseudospots(make_section(3), **arguments)
    np.testing.assert_array_equal(made[0][:, alone.var_names].X.toarray(), alone.X.toarray())
    assert made[0].n_vars == 40
