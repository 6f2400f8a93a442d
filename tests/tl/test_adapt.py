"""Scores that are adapted to a few annotated spots of the section."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd.datasets import toy_visium
from spacrd.model import Level, Prediction, Shift, adapt_to

CANCER = "invasive cancer"


def toy(seed: int, **options):
    return toy_visium(n_rows=14, n_cols=14, n_genes=80, seed=seed, **options)["table"]


@pytest.fixture(scope="module")
def model():
    return spacrd.tl.fit([toy(seed) for seed in range(2)], "pathologist", positive=CANCER, modality="expression")


def annotated(made, names, column="pathologist"):
    made.obs["few"] = made.obs[column].where(made.obs_names.isin(names))
    return made


def report(made):
    (found,) = made.uns["spacrd"]["spacrd"]["sections"].values()
    return found


def prediction(n=400, share=0.5, seed=0):
    """Scores that rank well, of a section in which every other latent dimension is noise."""
    random = np.random.default_rng(seed)
    target = (np.arange(n) < share * n).astype(float)
    contrast = random.normal(size=n) + 2 * target
    latent = random.normal(size=(n, 5)) + np.outer(target, [3, 0, 0, 0, 0])
    level = Level(0.1)
    likelihood, uncertainty = level.likelihoods(contrast)
    shift = Shift()
    return target, Prediction(
        likelihood, np.log(likelihood), contrast, uncertainty, level, "unclear", latent, "expression", shift
    )


def few(target, n, seed=0):
    chosen = np.random.default_rng(seed).choice(len(target), n, replace=False)
    labels = np.full(len(target), np.nan)
    labels[chosen] = target[chosen]
    return labels


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_cancer_is_learned(share):
    target, before = prediction(share=share)
    after = adapt_to(before, few(target, 40))
    assert after.level.share == pytest.approx(share, abs=0.1)
    assert after.level.spread < before.level.spread
    assert after.likelihood.mean() == pytest.approx(share, abs=0.1)
    assert after.n_labelled == 40


def test_the_order_is_improved_by_what_the_labels_show():
    target, before = prediction()
    after = adapt_to(before, few(target, 40))
    assert roc_auc_score(target, after.likelihood) > roc_auc_score(target, before.likelihood) + 0.02


def test_a_few_wrong_labels_do_not_turn_the_order():
    target, before = prediction()
    after = adapt_to(before, 1 - few(target, 3))
    assert roc_auc_score(target, after.likelihood) > 0.6


def test_labels_of_one_class_move_the_level():
    target, before = prediction(share=0.0)
    after = adapt_to(before, few(target, 30))
    assert after.level.share < 0.05 and after.verdict == "unclear"
    with_cancer, before = prediction()
    assert adapt_to(before, few(with_cancer, 10)).verdict == "tumour"


def test_without_labels_of_scored_spots_nothing_changes():
    target, before = prediction()
    assert adapt_to(before, np.full(len(target), np.nan)) is before
    before.contrast[:5] = np.nan
    labels = np.full(len(target), np.nan)
    labels[:5] = 1
    assert adapt_to(before, labels) is before


def test_unscored_spots_stay_so():
    target, before = prediction()
    before.contrast[7] = before.latent[7] = np.nan
    after = adapt_to(before, few(target, 20))
    assert np.isnan(after.likelihood[7]) and np.isfinite(np.delete(after.likelihood, 7)).all()


def test_a_model_that_knows_no_level_learns_one():
    target, before = prediction(share=0.3)
    unknown = Prediction(**{**vars(before), "level": Level()})
    after = adapt_to(unknown, few(target, 40))
    assert after.level.share == pytest.approx(0.3, abs=0.1)


def test_toy_sections_are_called_better(model):
    made = toy(5)
    spacrd.tl.score(made, model)
    truth = (made.obs["pathologist"] == CANCER).to_numpy()
    before = abs(report(made)["expected_share"] - truth.mean())
    annotated(made, spacrd.tl.suggest_spots(made, n=30))
    spacrd.tl.adapt(made, model, "few")
    assert report(made)["n_labelled"] == made.obs["few"].notna().sum()
    assert abs(report(made)["expected_share"] - truth.mean()) < before
    assert report(made)["verdict"] == "tumour"
    low, high = report(made)["share_low"], report(made)["share_high"]
    assert high - low < 0.3


def test_labels_of_other_spots_are_not_read(model):
    made = toy(5)
    names = made.obs_names[::9]
    first = annotated(made.copy(), names)
    second = annotated(made.copy(), names)
    second.obs["pathologist"] = second.obs["pathologist"].to_numpy()[::-1]
    for table in (first, second):
        spacrd.tl.adapt(table, model, "few")
    pd.testing.assert_series_equal(first.obs["spacrd_likelihood"], second.obs["spacrd_likelihood"])


def test_sections_are_adapted_one_by_one(model):
    plain = [toy(5), toy(6)]
    spacrd.tl.score(plain, model)
    both = [annotated(toy(5), toy(5).obs_names[::9]), annotated(toy(6), [])]
    spacrd.tl.adapt(both, model, "few")
    assert not np.allclose(both[0].obs["spacrd_likelihood"], plain[0].obs["spacrd_likelihood"])
    pd.testing.assert_series_equal(both[1].obs["spacrd_likelihood"], plain[1].obs["spacrd_likelihood"])
    assert report(both[1])["n_labelled"] == 0


def test_other_names_of_classes_can_be_given(model):
    made = toy(5)
    made.obs["few"] = pd.Series(np.where(made.obs["pathologist"] == CANCER, "Tumor", "Rest"), made.obs_names)
    made.obs.loc[made.obs_names[30:], "few"] = np.nan
    with pytest.warns(spacrd.SpacrdWarning, match="no spot is labelled 'invasive cancer', so all 30 labelled"):
        spacrd.tl.adapt(made, model, "few", copy=True)
    spacrd.tl.adapt(made, model, "few", positive="Tumor")
    assert report(made)["n_labelled"] == 30


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [("none", ValueError, "has no labelled spots"), ("absent", KeyError, "There is no obs column 'absent'")],
)
def test_labels_must_be_there(model, column, error, message):
    made = toy(5)
    made.obs["none"] = pd.Categorical([np.nan] * made.n_obs, categories=[CANCER])
    with pytest.raises(error, match=message):
        spacrd.tl.adapt(made, model, column)
    assert "spacrd" not in made.uns


def test_suggested_spots_are_spread_over_the_likelihoods(model):
    made = toy(5)
    spacrd.tl.score(made, model)
    made.obs.loc[made.obs_names[:10], "spacrd_likelihood"] = np.nan
    names = spacrd.tl.suggest_spots(made, n=12)
    assert len(names) == len(set(names)) == 12 and not names.isin(made.obs_names[:10]).any()
    order = made.obs["spacrd_likelihood"].rank(method="first")[names].sort_values().to_numpy()
    edges = np.linspace(0, made.n_obs - 10, 13)
    assert ((order > edges[:-1] - 1) & (order <= edges[1:] + 1)).all()
    assert list(spacrd.tl.suggest_spots(made, n=12)) == list(names)
    assert len(spacrd.tl.suggest_spots(made, n=10_000)) == made.n_obs - 10
    with pytest.raises(ValueError, match="n must be"):
        spacrd.tl.suggest_spots(made, n=0)
