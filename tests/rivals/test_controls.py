"""Controls and signatures: each works where its idea works, and says what it makes of depth."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from spacrd.rivals import MissingInputError, fit_and_score, get
from spacrd.rivals._markers import top_markers
from tests.rivals.toys import GENES, MARKERS, auc, toy

TRAINING = [toy(seed) for seed in (1, 2)]
UP = list(GENES[:MARKERS])


def score(rival, section, training=TRAINING):
    return fit_and_score(rival, training, held_out=[section])[0]


def test_depth_finds_deep_spots_and_nothing_else() -> None:
    deep, equal = toy(9, strength=0, cancer_depth=3), toy(9)
    assert auc(deep, score(get("depth"), deep, []).score) > 0.95
    assert 0.3 < auc(equal, score(get("depth"), equal, []).score) < 0.7


def test_a_signature_finds_its_genes() -> None:
    section = toy(9)
    assert auc(section, score(get("signature", genes=UP), section, []).score) > 0.95


def test_a_signature_leans_on_depth_and_less_so_the_deeper_all_spots_are() -> None:
    def lean(depth: float) -> float:
        traps = [toy(seed, strength=0, depth=depth, cancer_depth=3) for seed in (9, 10, 11, 12)]
        return float(np.mean([auc(trap, score(get("signature", genes=UP), trap, []).score) for trap in traps]))

    assert lean(200) > 0.6 > lean(30_000) > 0.4


def test_a_signature_uses_the_genes_there_are_and_says_how_many() -> None:
    section = toy(9)
    found = score(get("signature", genes=[*UP, "ABSENT"]), section, [])
    assert found.note == f"{MARKERS} of {MARKERS + 1} genes"
    np.testing.assert_array_equal(found.score, score(get("signature", genes=UP), section, []).score)
    with pytest.raises(MissingInputError, match=r"'toy_9' has none of the 1 genes 'ABSENT'"):
        score(get("signature", genes=["ABSENT"]), section, [])


def test_a_signature_without_genes_is_refused() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'genes'"):
        get("signature")
    for wrong in ("EPCAM", []):
        with pytest.raises(ValueError, match="list of at least one gene"):
            get("signature", genes=wrong)


def test_top_markers_are_the_genes_that_are_up_in_cancer() -> None:
    assert set(top_markers(TRAINING, MARKERS)) == set(UP)
    section = toy(9)
    assert auc(section, score(get("top-markers", n_markers=MARKERS), section).score) > 0.95


def test_mahalanobis_distance_finds_another_profile_and_its_threshold_is_of_normal_spots() -> None:
    section = toy(9, strength=2.5, depth=2000)
    found = score(get("mahalanobis", n_components=10), section, [toy(seed, depth=2000) for seed in (1, 2)])
    called = found.score >= found.threshold
    assert auc(section, found.score) > 0.9
    assert called[section.target == 1].mean() > 0.5 > called[section.target == 0].mean()


def test_mahalanobis_distance_takes_shallow_spots_for_foreign_ones() -> None:
    deep = toy(9, strength=0, depth=150, cancer_depth=6)
    training = [toy(seed, strength=0, depth=150) for seed in (1, 2)]
    assert auc(deep, score(get("mahalanobis", n_components=20), deep, training).score) < 0.2


def test_a_section_without_expression_says_so() -> None:
    section = toy(9, expression=False)
    for rival in (get("depth"), get("signature", genes=UP), get("top-markers"), get("mahalanobis")):
        with pytest.raises(MissingInputError, match="'toy_9' has no expression"):
            score(rival, section)


def test_training_sections_of_one_class_are_refused() -> None:
    with pytest.raises(MissingInputError, match="both classes"):
        get("top-markers").fit([toy(1, tumour=False)])
    assert issubclass(spacrd.rivals.MissingInputError, ValueError)
