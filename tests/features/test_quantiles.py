"""Quantiles of sparse columns: those of numpy, from one read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_sparse

from spacrd.features import ExpressionContract, SectionArrays, block_sizes, prepare, take_genes
from spacrd.features._quantiles import column_quantiles


class Counted:
    """Rows of a matrix; the number of each that was read."""

    on_disk = True

    def __init__(self, matrix: csr_matrix) -> None:
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype
        self.reads = np.zeros(matrix.shape[0], dtype=int)

    def __getitem__(self, rows: Any) -> csr_matrix:
        self.reads[rows] += 1
        return self.matrix[rows]


def sparse(n: int, density: float, seed: int, *, negative: bool = False) -> csr_matrix:
    made = random_sparse(n, 11, density, format="csr", random_state=seed, dtype=np.float32)
    made.data -= 0.4 * negative
    return made


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.03, 0.5, 0.97, 0.99, 1.0])
@pytest.mark.parametrize("n", [1, 2, 50, 51, 730])
def test_quantiles_are_those_of_numpy(n: int, density: float, negative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_sizes, "rows", 40)
    monkeypatch.setattr(block_sizes, "column_bytes", 16 * 11 * 100)  # several chunks
    matrix = sparse(n, density, n, negative=negative)
    valid = np.random.default_rng(n).random(n) < 0.8
    valid[0] = True
    expected = np.quantile(matrix.toarray()[valid].astype(np.float64), [0.02, 0.98], axis=0)
    np.testing.assert_allclose(column_quantiles(matrix, valid), expected, rtol=0, atol=5e-7)


def test_a_section_on_disk_is_read_once_for_its_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_sizes, "rows", 40)
    monkeypatch.setattr(block_sizes, "column_bytes", 64)
    counts = Counted(sparse(200, 0.3, 1))
    column_quantiles(counts, np.ones(200, dtype=bool))
    assert (counts.reads[1:] == 1).all()  # the first row tells whether rows are sparse
    assert counts.reads[0] == 2


def test_a_section_on_disk_is_prepared_in_three_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_sizes, "column_bytes", 64)
    counts = Counted(csr_matrix(np.random.default_rng(0).poisson(1.0, (200, 11)).astype(np.float32)))
    genes = tuple(f"g{i}" for i in range(11))
    xy = np.stack(np.divmod(np.arange(200), 20), axis=1) * 100.0
    section = SectionArrays("a", xy, 1.0, counts, np.array(genes), None, np.full(200, np.nan))
    contract = ExpressionContract(genes, genes, scaling="quantile")
    prepare(section, expression=contract, image=None, n_neighbors=6, max_distance_um=None)
    assert counts.reads[1:].max() == 3  # depth, quantiles, contents


def test_genes_of_a_small_section_on_disk_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_sizes, "rows", 40)
    counts = Counted(csr_matrix(np.random.default_rng(0).poisson(1.0, (200, 11)).astype(np.float32)))
    genes = np.array([f"g{i}" for i in range(11)])
    section = SectionArrays("a", np.zeros((200, 2)), 1.0, counts, genes, None, np.full(200, np.nan))
    read = take_genes(section, ExpressionContract(("g7", "g2"), ("g7", "absent", "g2")))
    assert read.genes.tolist() == ["g7", "g2"]
    np.testing.assert_array_equal(read.counts.toarray(), counts.matrix.toarray()[:, [7, 2]])
    assert (counts.reads == 1).all()
    monkeypatch.setattr(block_sizes, "read_bytes", 4 * 200 * 11 - 1)  # may not be in memory as a whole
    assert take_genes(section, ExpressionContract(("g7",), ("g7",))) is section
