from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from scipy.sparse import csr_matrix

from spacrd.features._expression import log_normalise, match_genes, select_genes
from spacrd.features._scaling import Features, scale


@pytest.fixture
def counts():
    return csr_matrix(np.random.default_rng(0).poisson(1.5, (20, 12)).astype(np.float32))


def test_log_normalise_equals_scanpy(counts):
    table = ad.AnnData(counts.copy())
    sc.pp.normalize_total(table, target_sum=1e4)
    sc.pp.log1p(table)
    every = np.arange(12)
    np.testing.assert_allclose(log_normalise(counts, every, every, 1e4).toarray(), table.X.toarray(), rtol=1e-5)


def test_missing_genes_are_empty_columns_and_order_is_the_models(counts):
    names = np.array([f"g{i}" for i in range(12)])
    columns = match_genes(["g3", "absent", "g1"], names)
    np.testing.assert_array_equal(columns, [3, -1, 1])
    every = np.arange(12)
    full = log_normalise(counts, every, every, 1e4).toarray()
    picked = log_normalise(counts, every, columns, 1e4).toarray()
    np.testing.assert_allclose(picked[:, [0, 2]], full[:, [3, 1]])
    assert not picked[:, 1].any()


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("scaling", ["minmax", "zscore", "none"])
def test_scaling(counts, scaling, dense):
    values = counts.toarray()
    values[:, 4] = 3.0  # a constant
    wanted = {
        "minmax": lambda v: (v - v.min(0)) / np.where(np.ptp(v, 0) == 0, np.inf, np.ptp(v, 0)),
        "zscore": lambda v: (v - v.mean(0)) / np.where(v.std(0) < 1e-6, np.inf, v.std(0)),
        "none": lambda v: v,
    }[scaling](values)
    part = scale(values if dense else csr_matrix(values), scaling, np.ones(20, dtype=bool))
    np.testing.assert_allclose(part.rows(np.arange(20)), wanted, atol=1e-5)


def test_scaling_reads_valid_rows_only_and_zeroes_the_others():
    values = np.array([[0.0], [1.0], [2.0], [999.0]], dtype=np.float32)
    part = scale(values, "minmax", np.array([True, True, True, False]))
    np.testing.assert_allclose(part.rows(np.arange(4)).ravel(), [0, 0.5, 1, 0])


def test_stacked_sections_keep_their_own_offset(counts):
    one = scale(counts, "zscore", np.ones(20, dtype=bool))
    two = scale(csr_matrix(counts.toarray() * 3 + 1), "zscore", np.ones(20, dtype=bool))
    both = Features.stack([one, two])
    np.testing.assert_allclose(
        both.rows(np.arange(40)), np.vstack([p.rows(np.arange(20)) for p in (one, two)]), atol=1e-5
    )


def test_residual_genes_vary_in_every_section():
    rng = np.random.default_rng(0)
    genes = np.array([f"g{i}" for i in range(600)])
    level = rng.permutation(np.geomspace(0.3, 20, 600))

    def section(shared):
        rate = np.tile(level, (60, 1))
        rate[:30, :10] *= 8  # varies in every section
        rate[:30, shared] *= 8  # varies in this one
        return csr_matrix(np.log1p(rng.poisson(rate).astype(float)))

    sections = [section(slice(50, 90)), section(slice(90, 130))]
    chosen, others = select_genes(sections, genes, 20, flavor="residual")
    assert len(chosen) == 20
    assert len(set(chosen) & set(genes[:10])) >= 7
    assert {*chosen, *others} == set(genes)
    wider, fewer = select_genes(sections, genes, 60, flavor="residual")
    assert set(wider) == {*chosen, *others[:40]}  # best first
    np.testing.assert_array_equal(fewer, others[40:])
    first, none = select_genes(sections, genes, 50, flavor="first")
    assert not len(none)
    assert len(set(first) & set(genes[50:90])) > len(set(first) & set(genes[90:130]))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_first_genes_are_those_that_scanpy_selects():
    rng = np.random.default_rng(1)
    genes = np.array([f"g{i}" for i in range(300)])
    rate = np.geomspace(0.3, 20, 300)
    sections = [csr_matrix(np.log1p(rng.poisson(rate * rng.gamma(2, 0.5, (40 + i, 300))))) for i in range(3)]
    table = ad.AnnData(sections[0])
    sc.pp.highly_variable_genes(table, n_top_genes=50, flavor="seurat_v3")
    chosen, _ = select_genes(sections, genes, 50, flavor="first")
    np.testing.assert_array_equal(chosen, genes[table.var["highly_variable"].to_numpy()])


def test_genes_without_a_count_are_chosen_last_and_are_no_substitutes():
    rng = np.random.default_rng(1)
    values = np.log1p(rng.poisson(1.0, (40, 30)).astype(float))
    values[:, ::2] = 0
    genes = np.array([f"g{i}" for i in range(30)])
    chosen, others = select_genes([csr_matrix(values)], genes, 12, flavor="residual")
    assert {*chosen, *others} == set(genes[1::2])
