"""A discriminant from stored statistics: right for any subset of genes, blind to depth, near only to what is near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from spacrd.features import ExpressionContract, SectionArrays, prepare
from spacrd.model import Discriminant
from spacrd.train import FitSettings, _discriminant, fit_sections
from spacrd.train._discriminant import fit_discriminant, read_sample

GENES = np.array([f"g{i}" for i in range(30)])


def section(seed=0, *, n=100, depth=None, genes=GENES, xy=None, effect=3.0):
    """Cancer on one side, told by the first five genes, by their share of the counts alone."""
    rng = np.random.default_rng(seed)
    if xy is None:
        xy = np.stack(np.divmod(np.arange(n), 10), axis=1) * 100.0
    target = (xy[:, 1] < np.median(xy[:, 1])).astype(float)
    rate = np.tile(np.linspace(1, 8, 30), (len(xy), 1))
    rate[:, :5] *= np.where(target == 1, effect, 1.0)[:, None]
    rate *= 150 / rate.sum(axis=1, keepdims=True)
    if depth is not None:
        rate = rate * np.where(target == 1, *depth)[:, None]
    keep = np.isin(GENES, genes)
    return SectionArrays("s", xy, 1.0, rng.poisson(rate)[:, keep], GENES[keep], None, target)


def inputs(*sections, genes=GENES, scaling="quantile"):
    contract = ExpressionContract(tuple(genes), tuple(genes), scaling=scaling)
    return [prepare(s, expression=contract, image=None, n_neighbors=6, max_distance_um=None) for s in sections]


def fit(made):
    """A discriminant of expression."""
    return fit_discriminant([read_sample(one, "expression") for one in made], "expression")


@pytest.fixture(scope="module")
def fitted():
    return fit(inputs(section(1), section(2)))


def dense(made):
    """Values, targets and class-balanced weights, as a textbook has them."""
    values = np.vstack([m.features["expression"].rows(np.arange(len(m.target))) for m in made]).astype(float)
    target = np.concatenate([m.target for m in made])
    return values, target, np.where(target == 1, 0.5 / (target == 1).sum(), 0.5 / (target == 0).sum())


def textbook(made, present):
    """The discriminant by dense algebra; the ridge is that of all features."""
    values, target, weight = dense(made)
    ridge = 0.003 * (weight @ np.square(values - weight @ values)).sum()
    values = values[:, present]
    centred = values - weight @ values
    covariance = (centred * weight[:, None]).T @ centred
    covariance += ridge * np.eye(len(covariance))
    contrast = weight @ ((2 * target - 1)[:, None] * centred)
    mean = np.mean([values[rows].mean(axis=0) for rows in np.array_split(np.arange(len(values)), len(made))], axis=0)
    one, other = np.linalg.solve(covariance, contrast), np.linalg.solve(covariance, mean)
    direction = one - other * (mean @ one) / (mean @ other)
    return direction / np.sqrt(direction @ covariance @ direction)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_weights_are_those_of_dense_algebra_for_any_panel(step):
    made = inputs(section(1), section(2))
    present = np.arange(30) % step == 0
    found = fit(made).weights(present)
    np.testing.assert_allclose(found[present], textbook(made, present), rtol=1e-3, atol=1e-4)
    assert not found[~present].any()


def test_weights_are_orthogonal_to_the_mean_expression(fitted):
    for present in (np.ones(30, bool), np.arange(30) < 12):
        weights = fitted.weights(present)
        assert abs(weights @ fitted.mean) < 1e-6 * np.linalg.norm(weights) * np.linalg.norm(fitted.mean)


def test_coverage_is_the_share_of_the_decision_and_not_of_the_genes(fitted):
    usual = np.ones(30, bool)
    assert fitted.coverage(usual, usual) == pytest.approx(1.0)
    telling, idle = np.arange(30) < 10, np.arange(30) >= 20
    assert fitted.coverage(telling, usual) > 0.6 > 0.2 > fitted.coverage(idle, usual)
    assert fitted.coverage(~usual, usual) == 0.0


def test_a_model_keeps_its_ranking_where_depth_is_turned_round():
    training = [section(seed, depth=(3.0, 1.0)) for seed in (1, 2, 3)]
    model = fit_sections(training, FitSettings.resolve())
    new = section(7, depth=(1.0, 3.0))
    assert roc_auc_score(new.target, model.predict(new).logit) > 0.9


def test_a_panel_scores_like_a_model_fitted_on_it():
    training = [section(seed, effect=1.6) for seed in (1, 2, 3)]
    panel = GENES[::3]
    whole = fit_sections(training, FitSettings.resolve())
    refitted = fit_sections(training, FitSettings.resolve(genes=tuple(panel)))
    new = section(9, genes=panel, effect=1.6)
    one, two = (roc_auc_score(new.target, model.predict(new).logit) for model in (whole, refitted))
    assert abs(one - two) < 0.02
    assert min(one, two) > 0.7


def test_labels_of_one_class_give_no_weight():
    pure = replace(section(1), target=np.ones(100))
    found = fit(inputs(pure))
    assert not found.weights(np.ones(30, bool)).any()
    assert isinstance(found, Discriminant)


def test_scattered_segments_do_not_spread_to_each_other():
    rng = np.random.default_rng(3)
    lattice = np.stack(np.divmod(np.arange(60), 10), axis=1) * 2000.0
    xy = lattice + rng.uniform(-500, 500, (60, 2))  # micrometres: segments are millimetres apart
    made = inputs(section(4, xy=xy))[0]
    assert not made.mask[:, 1:].any()
    model = fit_sections([section(1), section(2)], FitSettings.resolve())
    new = replace(section(4, xy=xy), target=rng.integers(0, 2, 60).astype(float))
    together = model.predict(new).logit
    far = model.predict(replace(new, xy=xy * 100)).logit
    np.testing.assert_allclose(together, far)


def test_two_pieces_of_tissue_do_not_spread_to_each_other():
    grid = np.stack(np.divmod(np.arange(50), 10), axis=1) * 100.0
    xy = np.vstack([grid, grid + [1400.0, 0.0]])  # one millimetre between them
    made = inputs(section(5, xy=xy))[0]
    piece = np.arange(100) // 50
    assert (piece[made.neighbours[made.mask]] == np.repeat(piece, made.mask.sum(axis=1))).all()
    single = xy.copy()
    single[0] = [9000.0, 9000.0]  # a spot that a filter left
    assert not inputs(section(5, xy=single))[0].mask[0, 1:].any()


def test_eight_spots_at_each_place_reach_the_next_places():
    grid = np.stack(np.divmod(np.arange(12), 4), axis=1) * 100.0
    graph = inputs(section(5, xy=np.repeat(grid, 8, axis=0)))[0].graph
    assert (graph[0].toarray().ravel() > 0).sum() > 8


@pytest.mark.parametrize("dense_from", [0.0, 2.0])
def test_factors_are_those_of_the_covariance_from_dense_and_sparse_blocks(dense_from, monkeypatch):
    monkeypatch.setattr(_discriminant, "DENSE", dense_from)
    made = inputs(section(1), section(2))
    values, _, weight = dense(made)
    centred = (values - weight @ values) * np.sqrt(weight)[:, None]
    found = fit(made).factors
    np.testing.assert_allclose(found @ found.T, centred.T @ centred, atol=1e-6)
    largest = np.abs(found).argmax(axis=0)
    assert (found[largest, np.arange(found.shape[1])] > 0).all()  # signs do not follow rounding


def test_a_section_is_scaled_and_read_once_for_the_fit_and_all_folds(monkeypatch):
    read = []
    monkeypatch.setattr(
        "spacrd.train._training_set.read_sample", lambda *given: read.append(given) or read_sample(*given)
    )
    fit_sections([section(seed) for seed in (1, 2, 3)], FitSettings.resolve(n_neighbors=6))
    assert len(read) == 3


def test_a_single_gene_gives_no_score(fitted):
    """Beside its mean nothing is left of it but rounding errors, which were blown up to unit variance."""
    for gene in range(30):
        assert not fitted.weights(np.arange(30) == gene).any()
    assert fitted.weights(np.arange(30) < 2).any()
