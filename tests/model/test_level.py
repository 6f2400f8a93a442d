"""Composition of neighbourhoods, the classifier that compares sections, and distances between sections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features import Composition, ExpressionContract, ImageContract, SectionArrays, block_sizes, prepare
from spacrd.model import Reference, profile_section
from spacrd.train._prevalence import LabelledSpots, fit_prevalence

GENES = tuple(f"g{i}" for i in range(12))
EXPRESSION = ExpressionContract(GENES[:10], GENES)
IMAGE = ImageContract(key="X_mine", dim=3)


def section(seed: int, share: float, *, depth: float = 1.0, n: int = 100) -> SectionArrays:
    """Cancer on the left, as many spots as ``share`` says; the first genes and features tell."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(n), 10)
    cancer = (column + 0.5) / 10 < share
    rate = np.where(cancer[:, None] & (np.arange(12) < 4), 6.0, 2.0) * depth
    image = rng.normal(size=(n, 3)) + cancer[:, None] * [2, 0, 0]
    return SectionArrays(
        f"s{seed}",
        np.column_stack([column, row]) * 100.0,
        1.0,
        csr_matrix(rng.poisson(rate).astype(np.float32)),
        np.array(GENES),
        image.astype(np.float32),
        cancer.astype(np.float32),
    )


def arrays(raw: SectionArrays):
    return prepare(raw, expression=EXPRESSION, image=IMAGE, n_neighbors=6, max_distance_um=None)


def profile(raw: SectionArrays, classifier=None, **options):
    return profile_section(raw, arrays(raw), expression=EXPRESSION, use_image=True, classifier=classifier, **options)


@pytest.fixture(scope="module")
def training():
    return [section(1, 0.3), section(2, 0.5), section(3, 0.7)]


@pytest.fixture(scope="module")
def level(training):
    spots = [LabelledSpots.read(raw, arrays(raw), EXPRESSION, IMAGE) for raw in training]
    return fit_prevalence(spots, 10, 3)


def test_composition_is_log_of_summed_counts():
    raw = section(0, 0.5)
    part = arrays(raw)
    spots = [7, 50]
    found, depth = Composition(raw, EXPRESSION).rows(raw.counts, part.neighbours[spots], part.mask[spots])
    for row, spot in enumerate(spots):
        summed = raw.counts.toarray()[part.neighbours[spot][part.mask[spot]]].sum(axis=0)
        assert depth[row] == summed.sum()
        np.testing.assert_allclose(found.toarray()[row], np.log1p(summed[:10] / summed.sum() * 1e3), rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("without", ["counts", "image", None])
def test_expected_share_follows_the_true_one(level, share, without):
    raw = section(9, share)
    lacking = {"counts": {"counts": None, "genes": None}, "image": {"image": None}, None: {}}[without]
    raw = replace(raw, **lacking)
    found = profile(raw, level).share
    # An image of three features tells less.
    assert found == pytest.approx(share, abs=0.3 if without == "counts" else 0.15)


def test_depth_does_not_change_the_expected_share(level):
    shares = [profile(raw, level).share for raw in (section(9, 0.4), section(9, 0.4, depth=4.0))]
    assert shares[0] == pytest.approx(shares[1], abs=0.1)


def test_labels_are_not_read(level):
    raw = section(9, 0.4)
    poisoned = replace(raw, target=1 - raw.target)
    one, two = (profile(r, level).share for r in (raw, poisoned))
    assert one == two


def test_missing_genes_count_as_average(level):
    kept = np.array([0, 1, 5, 6, 7, 8, 9, 10, 11])  # two of the four genes that tell are gone
    found = []
    for share in (0.1, 0.9):
        raw = section(9, share)
        fewer = replace(raw, counts=raw.counts[:, kept], genes=raw.genes[kept])
        found.append(profile(fewer, level).share)
    assert found[1] - found[0] > 0.2


def test_a_small_panel_does_not_seem_to_express_all_it_has(training):
    reference = Reference.of([profile(raw) for raw in training], [raw.image for raw in training], 10, 3, 0)
    raw, kept = section(9, 0.5), np.array([0, 1, 6, 7])
    fewer = replace(raw, counts=raw.counts[:, kept], genes=raw.genes[kept])
    whole, part, naive = (
        profile(one, usual=usual) for one, usual in ((raw, reference.usual), (fewer, reference.usual), (fewer, None))
    )
    np.testing.assert_allclose(part.expression_mean[kept], whole.expression_mean[kept], atol=0.3)
    assert (naive.expression_mean[kept] - whole.expression_mean[kept]).min() > 0.5


def test_the_block_size_changes_nothing(level, monkeypatch):
    raw = section(9, 0.4)
    whole = profile(raw, level)
    monkeypatch.setattr(block_sizes, "neighbourhoods", 7)
    parts = profile(raw, level)
    np.testing.assert_allclose(parts.expression_mean, whole.expression_mean)
    np.testing.assert_allclose(parts.share, whole.share)


def test_a_section_without_anything_has_no_share(level):
    raw = replace(section(9, 0.4), counts=None, genes=None, image=None)
    found = profile(raw, level).share
    assert np.isnan(found)
