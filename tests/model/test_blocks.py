"""Sections of more rows than are read at a time: what is found block by block is what numpy finds at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import expit

from spacrd.features import block_sizes
from spacrd.features._arrays import prepare
from spacrd.features._contract import ExpressionContract
from spacrd.features._counts import check_counts
from spacrd.features._expression import LogNormalised
from spacrd.features._scaling import Features, scale
from spacrd.features._section import SectionArrays
from spacrd.model import LinearClassifier, PrevalenceClassifier, SectionProfile, profile_section

BLOCK = block_sizes.rows
N = 2 * BLOCK + 500
GENES = tuple("abcdef")
EXPRESSION = ExpressionContract(GENES, GENES)


@pytest.fixture(scope="module")
def values():
    """Columns that drift from block to block, none of them near 0 all along."""
    rng = np.random.default_rng(0)
    drift = np.linspace(1, 4, N)[:, None] * [1, 2, 3, -1, 0, 5]
    made = (rng.normal(size=(N, 6)) + drift).astype(np.float32)
    made[:, 4] = 2.5
    return made


@pytest.fixture(scope="module")
def valid():
    """One block without a single valid row between two that have some."""
    found = np.random.default_rng(1).random(N) < 0.7
    found[BLOCK : 2 * BLOCK] = False
    return found


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("scaling", ["minmax", "quantile", "zscore"])
def test_scaling_over_blocks(values, valid, scaling, dense, monkeypatch):
    monkeypatch.setattr(block_sizes, "column_bytes", 4 * int(valid.sum()) * 4)  # four columns at a time, then two
    seen = values[valid].astype(np.float64)
    if scaling == "zscore":
        centre, spread = seen.mean(axis=0), seen.std(axis=0)
        held = values
    else:
        ends = (0.02, 0.98) if scaling == "quantile" else (0, 1)
        low, high = np.quantile(seen, ends, axis=0)
        centre, spread, held = (
            low,
            high - low,
            np.clip(values, low, high) if scaling == "quantile" else values,
        )
    wanted = (held - centre) / np.where(spread < 1e-6, np.inf, spread)
    part = scale(values if dense else csr_matrix(values), scaling, valid)
    rows = np.flatnonzero(valid)[::7]
    np.testing.assert_allclose(part.rows(rows), wanted[rows], atol=1e-4)
    assert not part.rows(np.flatnonzero(~valid)).any()


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("scaling", ["quantile", "zscore"])
def test_rows_taken_and_stacked_are_the_rows(values, valid, scaling, dense):
    part = scale(values if dense else csr_matrix(values), scaling, valid)
    other = scale(values[:50] if dense else csr_matrix(values[:50]), scaling, np.ones(50, dtype=bool))
    some = np.array([9, 3, BLOCK + 5, N - 1, 3])
    np.testing.assert_array_equal(part.take(some).rows(np.arange(5)), part.rows(some))
    both = Features.stack([other, part])
    assert isinstance(both.matrix, np.ndarray if dense else csr_matrix)
    np.testing.assert_allclose(both.rows(50 + some), part.rows(some), atol=1e-6)
    np.testing.assert_allclose(both.rows(np.arange(50)), other.rows(np.arange(50)), atol=1e-6)
    # What is held for rows without the modality is nothing, whatever stood there.
    assert not dense or not both.matrix[50 + BLOCK].any()


def test_nothing_valid_is_nothing(values):
    part = scale(values, "minmax", np.zeros(N, dtype=bool))
    assert part.offset.shape == (1, 6)
    assert not part.rows(np.arange(20)).any()
    assert part.rows(np.arange(20)).dtype == np.float32


def test_a_spread_of_rounding_errors_is_a_constant():
    large = (1e7 + np.arange(5.0)[:, None] * [1, 1000]).astype(np.float32)
    found = scale(large, "minmax", np.ones(5, dtype=bool)).rows(np.arange(5))
    np.testing.assert_allclose(found, np.linspace(0, 1, 5)[:, None] * [0, 1], atol=1e-3)


def test_log_normalised_columns_and_rows_over_blocks():
    counts = csr_matrix(np.random.default_rng(0).poisson(1.0, (N, 6)).astype(np.float32))
    columns = np.array([5, -1, 0, 1, 2])
    made = LogNormalised(counts, np.arange(1, 6), columns, 100.0)
    depth = counts.toarray()[:, 1:].sum(axis=1, keepdims=True)
    wanted = np.log1p(np.divide(100.0 * counts.toarray(), depth, out=np.zeros((N, 6)), where=depth > 0))[:, columns]
    wanted[:, 1] = 0
    rows = slice(BLOCK - 3, BLOCK + 40)
    np.testing.assert_allclose(made[rows].toarray(), wanted[rows], rtol=1e-6)
    assert (depth == 1).any() and made[rows].dtype == np.float32
    assert made.shape == (N, 5)


def grid(counts: np.ndarray, image: np.ndarray) -> SectionArrays:
    n = len(counts)
    xy = np.column_stack(np.divmod(np.arange(n), 100))[:, ::-1] * 100.0
    return SectionArrays("s", xy, 1.0, csr_matrix(counts), np.array(GENES), image, np.full(n, np.nan, np.float32))


def read(raw: SectionArrays, level=None, expression=EXPRESSION) -> SectionProfile:
    arrays = prepare(raw, expression=EXPRESSION, image=None, n_neighbors=4, max_distance_um=100)
    use_image = expression is None or raw.image.shape[1] == 6
    return profile_section(raw, arrays, expression=expression, use_image=use_image, classifier=level)


def linear(mean, weight, bias) -> LinearClassifier:
    return LinearClassifier(*(np.asarray(values, np.float32) for values in (mean, weight, bias)))


def test_images_and_depths_over_blocks(values):
    counts = np.random.default_rng(0).poisson(0.4, (N, 6)).astype(np.float32)
    image = values.copy()
    image[::11, 2] = np.nan
    weight = np.array([0.5, -1, 0.2, 0, 0.1, -0.3])
    level = replace(PrevalenceClassifier.zero(6, 6), image=linear(np.full(6, 0.5), weight, 1.5))
    raw = grid(counts, image)
    found = read(raw, level, expression=None)
    seen = image[np.isfinite(image).all(axis=1)].astype(np.float64)
    assert found.n_image_spots == len(seen)
    np.testing.assert_allclose(found.image_mean, seen.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.share, expit((seen - 0.5) @ weight + 1.5).mean(), rtol=1e-5)
    assert found.depths.size == 0 and np.isnan(found.log_depth) and found.expression_mean is None
    whole = read(raw, level)
    depths = counts.sum(axis=1)
    np.testing.assert_array_equal(whole.depths, depths)
    assert whole.log_depth == np.median(np.log10(depths[depths > 0])) and (depths == 1).any()
    bare = read(replace(raw, image=np.full((N, 6), np.nan, np.float32)), expression=None)
    assert bare.image_mean is None and bare.n_image_spots == 0


@pytest.mark.filterwarnings("error")
def test_spots_without_counts_around_them_say_nothing_of_the_section():
    counts = np.zeros((400, 6), dtype=np.float32)
    counts[:100, 0] = 1.0  # a row of spots with one count each; three rows without
    first = linear(np.zeros(6), np.array([1.0, 0, 0, 0, 0, 0]), -6.0)
    level = replace(PrevalenceClassifier.zero(6, 0), expression=first)
    found = read(grid(counts, np.zeros((400, 2), np.float32)), level)
    # The row, and the next one that looks at it: all they have is the first gene.
    np.testing.assert_allclose(found.expression_mean, [np.log1p(1e3), 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found.share, expit(np.log1p(1e3) - 6), rtol=1e-6)
    assert found.log_depth == 0.0
    nothing = read(grid(counts * 0, np.zeros((400, 2), np.float32)), level)
    assert nothing.expression_mean is None and np.isnan(nothing.log_depth)


def spoilt(value: float, n: int = 3) -> csr_matrix:
    """Counts with a value in every block."""
    counts = np.random.default_rng(0).poisson(2.0, (N, 6)).astype(np.float32) + 1
    counts[np.linspace(10, N - 10, n).astype(int), 1] = value
    return csr_matrix(counts)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, r"^Section 's': 3 counts are NaN or infinite\."),
        (-2.0, r"^Section 's': 3 counts are negative \(lowest -2\)"),
        (14.5, r"^Section 's': the values look log-transformed already \(fractions, highest 14.5\)"),
    ],
)
def test_what_are_not_counts_is_counted_over_blocks(value, told):
    with pytest.raises(ValueError, match=told):
        check_counts(spoilt(value), "s")


@pytest.mark.filterwarnings("error")
def test_fractions_empty_spots_and_doubled_genes_are_counted_over_blocks():
    half = spoilt(20.5, n=N // 3)
    with pytest.warns(UserWarning, match=r"^Section 's': 6 % of the counts are not whole numbers"):
        check_counts(half, "s")
    empty = spoilt(1.0).toarray()
    empty[[0, BLOCK, BLOCK + 1, N - 1]] = 0
    with pytest.warns(UserWarning, match=rf"^Section 's': 4 of {N} spots have no counts"):
        check_counts(csr_matrix(empty), "s")
    twice = spoilt(1.0)
    for row in (5, BLOCK + 5, N - 5):
        twice.indices[6 * row + 3] = twice.indices[6 * row + 2]
    twice = csr_matrix((twice.data, twice.indices, twice.indptr), shape=twice.shape)
    with pytest.raises(ValueError, match=r"^Section 's': 3 counts are of a gene that the same spot has already"):
        check_counts(twice, "s")
    plain = spoilt(1.0)
    assert check_counts(plain, "s") is plain
    whole = plain.astype(np.int32)
    checked = check_counts(whole, "s")
    assert checked.dtype == np.float64 and whole.dtype == np.int32
    np.testing.assert_array_equal(checked.toarray(), whole.toarray())
