"""How far a section is from the training sections, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features import ExpressionContract, GeneShares, SectionArrays, prepare
from spacrd.model import Reference, Shift, profile_section

GENES = np.array([f"g{i}" for i in range(40)])
CONTRACT = ExpressionContract(tuple(GENES[:10]), tuple(GENES), known_genes=tuple(GENES))
RATES = np.random.default_rng(0).gamma(0.5, 4.0, len(GENES))


def section(seed: int, rates: np.ndarray = RATES, genes: np.ndarray = GENES) -> SectionArrays:
    random = np.random.default_rng(seed)
    xy = np.column_stack(np.divmod(np.arange(64), 8)).astype(float)
    counts = csr_matrix(random.poisson(rates, (64, len(genes))).astype(np.float32))
    image = random.normal(size=(64, 3)).astype(np.float32)
    return SectionArrays(f"s{seed}", xy, 1.0, counts, genes, image, np.full(64, np.nan, np.float32))


def profile(raw: SectionArrays):
    inputs = prepare(raw, expression=CONTRACT, image=None, n_neighbors=4, max_distance_um=None)
    return profile_section(raw, inputs, expression=CONTRACT, use_image=True)


def shift(raw: SectionArrays, training: list[SectionArrays]) -> Shift:
    reference = Reference.of([profile(one) for one in training], [one.image for one in training], 10, 3, len(GENES))
    return Shift(**reference.compare(profile(raw)))


@pytest.fixture(scope="module")
def training():
    return [section(seed) for seed in range(3)]


@pytest.mark.parametrize("n_training", [1, 2, 3])
def test_a_section_of_the_same_kind_is_like_the_training_sections(training, n_training):
    found = shift(section(9), training[:n_training])
    assert found.reasons() == []
    assert found.expression_distance < 0.1 and found.image_distance < 0.6
    assert found.panel_coverage == pytest.approx(1) and found.unknown_counts == 0 and found.unknown_genes == ""


def test_the_distance_is_that_of_hellinger(training):
    new = section(9)
    one, other = (np.asarray(raw.counts.sum(axis=0)).ravel() / raw.counts.sum() for raw in (new, training[0]))
    wanted = np.sqrt(0.5 * ((np.sqrt(one) - np.sqrt(other)) ** 2).sum())
    assert shift(new, training[:1]).expression_distance == pytest.approx(wanted, rel=1e-4)


def test_another_tissue_is_said_to_be_one(training):
    (said,) = shift(section(9, np.roll(RATES, 7) ** 2), training).reasons()
    assert said.startswith("its expression is different") and "another organ" in said


def test_another_panel_is_said_to_be_one(training):
    kept = np.argsort(RATES)[: len(GENES) * 3 // 4]
    found = shift(section(9, RATES[kept], GENES[kept]), training)
    assert (
        found.panel_coverage == pytest.approx(RATES[kept].sum() / RATES.sum(), abs=0.05) and found.panel_coverage < 0.5
    )
    (said,) = found.reasons()
    assert said.startswith("it has another panel of genes, with")


def test_counts_in_genes_of_no_training_section_are_named(training):
    genes, rates = np.append(GENES, ["REG3A", "MT.CO2"]), np.append(RATES, [RATES.sum() / 10, RATES.sum() / 5])
    found = shift(section(9, rates, genes), training)
    assert found.unknown_counts == pytest.approx(0.3 / 1.3, abs=0.02)
    assert found.unknown_genes == "'MT.CO2', 'REG3A'"
    assert found.expression_distance < 0.1, "unknown genes are no part of the distance"
    (said,) = found.reasons()
    assert (
        said.startswith(f"{100 * found.unknown_counts:.0f} % of its counts")
        and "another organ, organism or annotation" in said
    )


def test_depth_alone_is_no_reason(training):
    found = shift(section(9, RATES * 50), training)
    assert found.depth_ratio > 10 and found.reasons() == []


def test_another_stain_is_a_reason(training):
    raw = section(9)
    found = shift(replace(raw, image=raw.image + 20), training)
    assert found.image_distance > 10
    (said,) = found.reasons()
    assert said.startswith("its patches look different")


def test_training_sections_of_two_platforms_widen_the_limit(training):
    kept = np.argsort(RATES)[: len(GENES) * 3 // 4]
    panels = [section(seed, RATES[kept], GENES[kept]) for seed in (4, 5, 6)]
    assert shift(panels[2], training).reasons()
    assert shift(panels[2], [*training, *panels[:2]]).reasons() == []
    # One of the other platform has no section like it: those between them are as far as the new one may be.
    found = shift(panels[2], [*training, panels[0]])
    assert found.expression_limit > 0.6 and found.reasons() == []


def test_a_score_without_most_of_its_genes_is_a_reason():
    assert Shift(decision_coverage=0.6).reasons() == []
    (said,) = Shift(decision_coverage=0.2).reasons()
    assert said == "its genes keep 20 % of what the score from expression reads"


def test_a_section_without_counts_of_known_genes_has_no_shares():
    assert GeneShares.of(np.array([3.0, 0.0]), np.array(["x", "g0"]), CONTRACT.known_genes).shares is None
    assert GeneShares.of(np.array([3.0]), np.array(["g0"]), ()).shares is None
