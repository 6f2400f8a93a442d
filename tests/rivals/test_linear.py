"""Linear models: each finds what it is made to find, and chooses its settings on training sections alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from spacrd.rivals import MissingInputError, as_likelihood, fit_and_score, get
from spacrd.rivals._design import Rotated
from spacrd.rivals._linear import Linear, solve_logistic, solve_svm
from spacrd.rivals._pooled import Pooled
from spacrd.rivals._tuning import Tuned, best, inner_folds, inner_sections
from spacrd.rivals._vrex import solve_vrex
from tests.rivals.toys import GENES, auc, toy

TRAINING = [toy(seed) for seed in (1, 2, 3)]
LINEAR = [
    *("logistic own genes", "logistic neighbourhood genes", "logistic image", "logistic both"),
    *("gradient boosting", "concatenation MLP"),
    *("logistic-tuned logistic-tuned-neighbourhood logistic-tuned-image logistic-tuned-both svm-tuned").split(),
    *("svm-tuned-neighbourhood vrex late-fusion linear-probe celltypist celltypist-svm").split(),
]


@pytest.mark.parametrize("name", LINEAR)
def test_a_tumour_is_found_in_a_section_that_was_not_seen(name: str) -> None:
    section = toy(9)
    (found,) = fit_and_score(get(name), TRAINING, held_out=[section])
    likelihood = as_likelihood(found)
    assert auc(section, found.score) > 0.95
    assert np.isfinite(found.score).all() and (likelihood >= 0).all() and (likelihood <= 1).all()
    assert auc(section, likelihood) == pytest.approx(auc(section, found.score), abs=1e-3)


@pytest.mark.parametrize("name", LINEAR)
def test_where_profiles_tell_nothing_nothing_is_found(name: str) -> None:
    training, unseen = [toy(seed, strength=0) for seed in (1, 2, 3)], [toy(seed, strength=0) for seed in range(9, 17)]
    found = fit_and_score(get(name), training, held_out=unseen)
    assert 0.35 < np.mean([auc(s, f.score) for s, f in zip(unseen, found, strict=True)]) < 0.65


def test_the_rotation_changes_no_model() -> None:
    rng = np.random.default_rng(0)
    tables = [rng.normal(1, 1, (20, 90)).astype(np.float32) for _ in range(2)]
    tables[1][3] = np.nan
    rows = np.delete(np.vstack(tables), 23, axis=0)
    cancer = rng.random(len(rows)) < 0.4
    rotated = Rotated(tables)
    assert [part.shape[0] for part in rotated.sections] == [20, 20] and rotated.sections[0].shape[1] < 40
    assert np.isnan(rotated.sections[1][3]).all()
    axes = np.delete(np.vstack(rotated.sections), 23, axis=0)
    weights, intercept = rotated.weights(*solve_logistic(axes, cancer, None, C=0.1))
    whole = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8, max_iter=3000).fit(rows, cancer)
    np.testing.assert_allclose(rows @ weights + intercept, whole.decision_function(rows), atol=5e-3)
    weights, intercept = rotated.weights(*solve_svm(axes, cancer, None, C=0.01))
    whole = LinearSVC(C=0.01, class_weight="balanced", random_state=0).fit(rows - rows.mean(axis=0), cancer)
    np.testing.assert_allclose(rows @ weights + intercept, whole.decision_function(rows - rows.mean(axis=0)), atol=5e-3)


def test_smoothing_the_decision_helps_where_spots_are_noisy() -> None:
    section = toy(9, strength=0.5, depth=150)
    training = [toy(seed, strength=0.5, depth=150) for seed in (1, 2, 3)]

    def at(k: int) -> float:
        rival = Linear(settings=[{"C": 0.1, "smoothing": k}])
        return auc(section, fit_and_score(rival, training, held_out=[section])[0].score)

    assert at(7) > at(1) + 0.05


def test_settings_are_chosen_by_the_training_sections_left_out_in_turn() -> None:
    noisy = [toy(seed, strength=0.5, depth=150) for seed in (1, 2, 3)]
    settings = [{"C": 0.1, "smoothing": k} for k in (1, 7)]
    (found,) = fit_and_score(Linear(settings=settings), noisy, held_out=[toy(9)])
    assert found.note == "C=0.1, smoothing=7"
    assert [(fit, left) for fit, left in inner_folds(noisy)] == [([1, 2], 0), ([0, 2], 1), ([0, 1], 2)]


def test_one_training_section_is_cut_in_quarters_to_choose_on() -> None:
    section = toy(1)
    quarters = inner_sections([section])
    assert len(quarters) == 4 and sum(len(part.xy) for part in quarters) == len(section.xy)
    (found,) = fit_and_score(get("svm-tuned"), [section], held_out=[toy(9)])
    assert auc(toy(9), found.score) > 0.9


def test_without_a_section_to_choose_on_the_first_setting_is_taken() -> None:
    tumour_free = toy(2, tumour=False)
    cancer_only = replace(toy(3), target=np.ones(144, np.float32))
    assert inner_folds([tumour_free, cancer_only]) == []
    (found,) = fit_and_score(get("svm-tuned"), [tumour_free, cancer_only], held_out=[toy(9)])
    assert found.note == "C=0.001, smoothing=7"
    assert best([{"C": 1}, {"C": 2}], np.array([[0.5, np.nan], [0.4, 0.9]])) == {"C": 1}


def test_more_settings_than_all_rivals_have_are_refused() -> None:
    settings = [{"C": float(C), "smoothing": 1} for C in range(1, 10)]
    with pytest.raises(ValueError, match="1 to 8 settings"):
        Linear(settings=settings)
    with pytest.raises(ValueError, match="1 to 8 settings"):
        Tuned(Pooled, [])


def test_any_rival_can_be_tuned() -> None:
    settings = [{"C": 1e-9}, {"C": 0.1}]
    (found,) = fit_and_score(
        Tuned(lambda C: Linear(settings=[{"C": C, "smoothing": 1}]), settings), TRAINING, held_out=[toy(9)]
    )
    assert found.note in {"C=1e-09", "C=0.1"} and auc(toy(9), found.score) > 0.9


def test_vrex_without_its_penalty_is_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    rows, section = rng.normal(size=(80, 5)), np.repeat([0, 1], 40)
    cancer = np.tile(rows[:40, 0] + rng.normal(size=40) > 0, 2)  # as many in both
    weights, intercept = solve_vrex(rows, cancer, section, C=0.5, penalty=0.0)
    plain, plain_intercept = solve_logistic(rows, cancer, section, C=0.5)
    np.testing.assert_allclose([*weights, intercept], [*plain, plain_intercept], atol=0.01)


def test_vrex_prefers_a_gene_that_works_in_every_section() -> None:
    rng = np.random.default_rng(0)
    n = 200
    section, cancer = np.repeat([0, 1], n), rng.random(2 * n) < 0.5
    sign = np.where(cancer, 1.0, -1.0)
    stable = 0.7 * sign + rng.normal(size=2 * n)
    unstable = np.where(section == 0, 3.0, 0.3) * sign + rng.normal(size=2 * n)
    rows = np.stack([stable, unstable], axis=1)
    ratios = []
    for penalty in (0.0, 30.0):
        weights, _ = solve_vrex(rows, cancer, section, C=100.0, penalty=penalty)
        ratios.append(weights[0] / weights[1])
    assert ratios[1] > 1.5 * ratios[0] > 0


def test_a_spot_without_a_patch_is_scored_by_its_neighbours_patches_or_not_at_all() -> None:
    section = toy(9)
    image = section.image.copy()
    image[:3] = np.nan
    section = replace(section, image=image)
    for name in ("logistic-tuned-both", "linear-probe", "logistic-tuned-image"):
        (found,) = fit_and_score(get(name), TRAINING, held_out=[section])
        assert np.isfinite(found.score[3:]).all()
        assert np.isnan(found.score[:3]).all() == (name == "linear-probe")
    (found,) = fit_and_score(get("late-fusion"), TRAINING, held_out=[section])
    assert np.isfinite(found.score).all()


def test_late_fusion_of_a_section_without_a_picture_is_its_expression() -> None:
    section = toy(9, image=False)
    (found,) = fit_and_score(get("late-fusion"), TRAINING, held_out=[section])
    assert found.note.startswith("expression: C=") and auc(section, found.score) > 0.95


def test_a_gene_that_the_scored_section_lacks_counts_as_zero() -> None:
    section = toy(9)
    fewer = replace(section, counts=section.counts[:, 3:], genes=GENES[3:])
    for name in ("svm-tuned", "celltypist", "logistic own genes"):
        (found,) = fit_and_score(get(name), TRAINING, held_out=[fewer])
        assert auc(fewer, found.score) > 0.9


def test_inputs_that_are_not_there_are_named() -> None:
    blind = [toy(seed, image=False) for seed in (1, 2)]
    for name in ("logistic image", "logistic-tuned-image", "linear-probe", "late-fusion", "logistic both"):
        with pytest.raises(MissingInputError, match=r"No training section has .*(image|embedding)"):
            get(name).fit(blind)
    for name in ("logistic own genes", "svm-tuned", "celltypist"):
        with pytest.raises(MissingInputError, match="not of both classes"):
            get(name).fit([toy(1, tumour=False), toy(2, tumour=False)])
