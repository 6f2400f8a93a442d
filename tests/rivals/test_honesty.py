"""What a rival may see: tested with rivals that look, labels that lie and arrays that must not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spacrd
from spacrd.rivals import RivalScore, digest, fit_and_score, get, without_labels
from spacrd.rivals._inputs import GeneSpace, neighbour_mean, normal_spots, smooth
from tests.rivals.toys import GENES, auc, toy

ALL = spacrd.rivals.available()
OPTIONS = {"signature": {"genes": list(GENES[:6])}}
HERE = [
    *("depth signature top-markers mahalanobis logistic-tuned logistic-tuned-image svm-tuned vrex").split(),
    *("late-fusion linear-probe celltypist celltypist-svm").split(),
    *("logistic own genes", "logistic neighbourhood genes", "logistic image", "logistic both"),
    *("gradient boosting", "concatenation MLP"),
]
TRAINING = [toy(seed) for seed in (1, 2, 3)]


class Spy:
    """Keeps what it is shown."""

    def fit(self, sections, *, seed=0):
        self.fitted, self.scored = list(sections), []
        return self

    def score(self, section):
        self.scored.append(section)
        return RivalScore(np.zeros(len(section.xy)))


def poisoned(section, value=50):
    """The same section, everything about its cancer spots changed but their place."""
    rows = section.target == 1
    counts = section.counts.toarray()
    counts[rows] = np.random.default_rng(0).permutation(counts[rows].T).T * value
    image = section.image.copy()
    image[rows] = value
    return replace(section, counts=type(section.counts)(counts), image=image)


def test_a_spy_sees_no_label_of_a_held_out_section_and_no_held_out_section_in_the_fit() -> None:
    spy, held_out = Spy(), toy(9)
    fit_and_score(spy, TRAINING, held_out=[held_out])
    assert [section.name for section in spy.fitted] == ["toy_1", "toy_2", "toy_3"]
    (seen,) = spy.scored
    assert np.isnan(seen.target).all() and len(seen.target) == len(held_out.target)
    assert digest(seen) == digest(held_out)


def test_a_section_cannot_be_fitted_on_and_scored() -> None:
    with pytest.raises(ValueError, match="'toy_1' are both fitted on and scored"):
        fit_and_score(Spy(), TRAINING, held_out=TRAINING[:1])


def test_answers_of_a_rival_are_checked() -> None:
    class Short(Spy):
        def score(self, section):
            return RivalScore(np.zeros(3))

    class Bare(Spy):
        def score(self, section):
            return np.zeros(len(section.xy))

    with pytest.raises(ValueError, match="Short gave 3 scores to the 144 spots of 'toy_9'"):
        fit_and_score(Short(), TRAINING, held_out=[toy(9)])
    with pytest.raises(TypeError, match="RivalScore, got ndarray"):
        fit_and_score(Bare(), TRAINING, held_out=[toy(9)])


@pytest.mark.parametrize("name", ["mahalanobis"])
def test_poisoned_cancer_spots_change_nothing_for_a_one_class_rival(name: str) -> None:
    clean, dirty = (
        fit_and_score(get(name), sections, held_out=[toy(9)])[0]
        for sections in (TRAINING, [poisoned(section) for section in TRAINING])
    )
    np.testing.assert_array_equal(clean.score, dirty.score)
    assert clean.threshold == dirty.threshold


def test_poison_is_seen_by_who_reads_it() -> None:
    clean, dirty = (
        fit_and_score(get("logistic own genes"), sections, held_out=[toy(9)])[0].score
        for sections in (TRAINING, [poisoned(section) for section in TRAINING])
    )
    assert not np.allclose(clean, dirty)


def test_normal_spots_are_those_of_target_0_and_no_other() -> None:
    section = replace(TRAINING[0], target=np.where(np.arange(144) % 3 == 0, np.nan, TRAINING[0].target))
    (kept,) = normal_spots([section, replace(toy(2), target=np.ones(144))])
    rows = section.target == 0
    assert (kept.target == 0).all() and len(kept.xy) == rows.sum()
    np.testing.assert_array_equal(kept.counts.toarray(), section.counts[rows].toarray())
    np.testing.assert_array_equal(kept.image, section.image[rows])
    with pytest.raises(spacrd.rivals.MissingInputError, match="normal"):
        normal_spots([replace(toy(2), target=np.ones(144))])


SUPERVISED = [name for name in HERE if ALL.loc[name, "labels"] == "all" and name != "top-markers"]


@pytest.mark.parametrize("name", SUPERVISED)
def test_labels_that_mean_nothing_teach_nothing(name: str) -> None:
    rng, unseen = np.random.default_rng(0), [toy(seed) for seed in range(9, 13)]
    found = []
    for _ in range(3):
        shuffled = [replace(section, target=rng.permutation(section.target)) for section in TRAINING]
        scores = fit_and_score(get(name), shuffled, held_out=unseen)
        found += [auc(section, score.score) for section, score in zip(unseen, scores, strict=True)]
    assert 0.25 < np.mean(found) < 0.75


def test_markers_of_labels_that_mean_nothing_are_no_better_than_genes_at_random() -> None:
    # Not .5: the genes that are high in cancer take their share of the normalised counts from all others.
    rng, unseen = np.random.default_rng(0), [toy(seed) for seed in range(9, 13)]
    shuffled = [[replace(section, target=rng.permutation(section.target)) for section in TRAINING] for _ in range(40)]
    lists = [get("signature", genes=list(rng.choice(GENES, 20, replace=False))) for _ in range(40)]

    def mean(rival, training):
        scores = fit_and_score(rival, training, held_out=unseen)
        return np.mean([auc(section, score.score) for section, score in zip(unseen, scores, strict=True)])

    taught = np.mean([mean(get("top-markers"), training) for training in shuffled])
    # Each has a standard deviation of .3, the difference of the means one of .07.
    assert abs(taught - np.mean([mean(rival, TRAINING) for rival in lists])) < 0.2
    assert taught < 0.6


@pytest.mark.parametrize("name", [name for name in HERE if ALL.loc[name, "labels"] == "none"])
def test_what_sees_no_labels_is_not_moved_by_them(name: str) -> None:
    wrong = [replace(section, target=1 - section.target) for section in TRAINING]
    one, other = (
        fit_and_score(get(name, **OPTIONS.get(name, {})), sections, held_out=[toy(9)])[0].score
        for sections in (TRAINING, wrong)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", HERE)
def test_a_rival_leaves_its_inputs_as_they_are_and_gives_the_same_twice(name: str) -> None:
    held_out = toy(9)
    before = [digest(section) for section in [*TRAINING, held_out]]
    targets = [section.target.copy() for section in TRAINING]
    one, other = (
        fit_and_score(get(name, **OPTIONS.get(name, {})), TRAINING, held_out=[held_out], seed=3)[0] for _ in range(2)
    )
    assert [digest(section) for section in [*TRAINING, held_out]] == before
    for section, target in zip(TRAINING, targets, strict=True):
        np.testing.assert_array_equal(section.target, target)
    np.testing.assert_array_equal(one.score, other.score)


def test_a_digest_tells_any_change_of_an_input_and_no_label() -> None:
    section = toy(1)
    counts, image = section.counts.copy(), section.image.copy()
    counts[0, 0] += 1
    image[0, 0] += 1
    changed = [
        replace(section, counts=counts),
        replace(section, image=image),
        replace(section, image=None),
        replace(section, genes=GENES[::-1]),
        replace(section, xy=section.xy + 1),
        replace(section, um_per_unit=2.0),
    ]
    assert len({digest(section), *map(digest, changed)}) == 7
    assert digest(without_labels(section)) == digest(section)


def test_genes_are_those_of_the_training_sections_and_are_normalised_over_those() -> None:
    fewer = replace(toy(2), counts=toy(2).counts[:, :50], genes=GENES[:50])
    space = GeneSpace.of([toy(1), fewer])
    assert list(space.genes) == list(GENES[:50])
    values = np.expm1(space.dense(toy(9)))
    np.testing.assert_allclose(values.sum(axis=1), 1e4, rtol=1e-4)
    assert len(GeneSpace.of([toy(1), fewer], 10).genes) == 10
    with pytest.raises(ValueError, match="'toy_1', 'toy_2' have no gene in common"):
        GeneSpace.of([toy(1), replace(toy(2), genes=np.char.lower(GENES))])


def test_smoothing_averages_a_spot_and_its_nearest_and_leaves_holes_as_they_are() -> None:
    section = toy(1, side=5)
    score = np.arange(25.0)
    assert smooth(section, score, 5)[12] == pytest.approx(np.mean([12, 11, 13, 7, 17]))
    assert smooth(section, score, 1) is not score and (smooth(section, score, 1) == score).all()
    score[7] = np.nan
    averaged = smooth(section, score, 5)
    assert np.isnan(averaged[7]) and averaged[12] == pytest.approx(np.mean([12, 11, 13, 17]))
    assert np.isfinite(neighbour_mean(section, score, 5)[7])
