"""Composition of neighbourhoods, the classifier that compares sections, and distances between sections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features._arrays import prepare
from spacrd.features._composition import Composition
from spacrd.features._contract import ExpressionContract, ImageContract
from spacrd.features._section import SectionArrays
from spacrd.model import _profile as level_module
from spacrd.model._profile import SectionProfile
from spacrd.model._reference import Reference
from spacrd.train._prevalence import fit_level

GENES = tuple(f"g{i}" for i in range(12))
EXPRESSION = ExpressionContract(GENES[:10], GENES)
IMAGE = ImageContract("X_mine", 3)


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


@pytest.fixture(scope="module")
def training():
    return [section(1, 0.3), section(2, 0.5), section(3, 0.7)]


@pytest.fixture(scope="module")
def level(training):
    return fit_level(training, [arrays(raw) for raw in training], EXPRESSION, IMAGE)


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
    (found,) = SectionProfile(raw, EXPRESSION, True, arrays(raw), [level]).shares
    # An image of three features tells less.
    assert found == pytest.approx(share, abs=0.3 if without == "counts" else 0.15)


def test_depth_does_not_change_the_expected_share(level):
    shares = [
        SectionProfile(raw, EXPRESSION, True, arrays(raw), [level]).shares[0]
        for raw in (section(9, 0.4), section(9, 0.4, depth=4.0))
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.1)


def test_labels_are_not_read(level):
    raw = section(9, 0.4)
    poisoned = replace(raw, target=1 - raw.target)
    one, two = (SectionProfile(r, EXPRESSION, True, arrays(r), [level]).shares for r in (raw, poisoned))
    assert one == two


def test_missing_genes_count_as_average(level):
    kept = np.array([0, 1, 5, 6, 7, 8, 9, 10, 11])  # two of the four genes that tell are gone
    found = []
    for share in (0.1, 0.9):
        raw = section(9, share)
        fewer = replace(raw, counts=raw.counts[:, kept], genes=raw.genes[kept])
        found += SectionProfile(fewer, EXPRESSION, True, arrays(fewer), [level]).shares
    assert found[1] - found[0] > 0.2


def test_a_small_panel_does_not_seem_to_express_all_it_has(training):
    reference = Reference(3, 10, 3)
    reference.set(
        [SectionProfile(raw, EXPRESSION, True, arrays(raw)) for raw in training], [raw.image for raw in training]
    )
    raw, kept = section(9, 0.5), np.array([0, 1, 6, 7])
    fewer = replace(raw, counts=raw.counts[:, kept], genes=raw.genes[kept])
    whole, part, naive = (
        SectionProfile(one, EXPRESSION, True, arrays(one), usual=usual)
        for one, usual in ((raw, reference.usual), (fewer, reference.usual), (fewer, None))
    )
    np.testing.assert_allclose(part.expression_mean[kept], whole.expression_mean[kept], atol=0.3)
    assert (naive.expression_mean[kept] - whole.expression_mean[kept]).min() > 0.5
    assert reference.compare(part)["expression_distance"] < 0.5 * reference.compare(naive)["expression_distance"]


def test_blocks_change_nothing(level, monkeypatch):
    raw = section(9, 0.4)
    whole = SectionProfile(raw, EXPRESSION, True, arrays(raw), [level, level])
    monkeypatch.setattr(level_module, "BLOCK", 7)
    parts = SectionProfile(raw, EXPRESSION, True, arrays(raw), [level, level])
    np.testing.assert_allclose(parts.expression_mean, whole.expression_mean)
    np.testing.assert_allclose(parts.shares, whole.shares)


def test_a_section_without_anything_has_no_share(level):
    raw = replace(section(9, 0.4), counts=None, genes=None, image=None)
    (found,) = SectionProfile(raw, EXPRESSION, True, arrays(raw), [level]).shares
    assert np.isnan(found)


def test_distance_is_relative_to_the_training_sections(training):
    backgrounds = [SectionProfile(raw, EXPRESSION, True, arrays(raw)) for raw in training]
    reference = Reference(3, 10, 3)
    reference.set(backgrounds, [raw.image for raw in training])
    own = reference.compare(backgrounds[0])
    assert own["expression_distance"] == pytest.approx(0, abs=1e-4)
    assert own["depth_ratio"] == 1.0
    # The largest distance of a training section to its nearest other one is the unit.
    means = np.stack([b.expression_mean for b in backgrounds])
    between = np.linalg.norm(means[:, None] - means[None], axis=2) + np.diag([np.inf] * 3)
    unit = between.min(axis=1).max()
    far = SectionProfile(section(9, 0.5), EXPRESSION, True, arrays(section(9, 0.5)))
    far.expression_mean = means[0] + np.eye(10)[0] * 50
    wanted = np.linalg.norm(means - far.expression_mean, axis=1).min() / unit
    assert reference.compare(far)["expression_distance"] == pytest.approx(wanted, rel=1e-4)
    deep = section(9, 0.5, depth=10)
    ratio = reference.compare(SectionProfile(deep, EXPRESSION, True, arrays(deep)))["depth_ratio"]
    assert ratio == pytest.approx(10, rel=0.4)


def test_one_training_section_has_no_unit(training):
    reference = Reference(1, 10, 3)
    reference.set([SectionProfile(training[0], EXPRESSION, True, arrays(training[0]))], [training[0].image])
    found = reference.compare(SectionProfile(training[1], EXPRESSION, True, arrays(training[1])))
    assert np.isnan(found["expression_distance"])
    assert np.isnan(found["image_distance"])
