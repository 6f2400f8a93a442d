"""A section that lacks genes of a model is scored with others, from statistics that the model keeps of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd.features import SectionArrays, expression_features
from spacrd.train import FitSettings, fit_sections

GENES = np.array([f"g{i}" for i in range(40)])


def section(seed: int, genes: np.ndarray = GENES) -> SectionArrays:
    """Cancer on one side; every third gene tells of it, and the first vary the most."""
    rng = np.random.default_rng(seed)
    xy = np.stack(np.divmod(np.arange(100), 10), axis=1) * 100.0
    target = (xy[:, 1] < np.median(xy[:, 1])).astype(float)
    rate = np.tile(np.linspace(2, 6, 40), (100, 1))
    rate[:, ::3] *= np.where(target == 1, 2.5, 1.0)[:, None]
    rate *= rng.gamma(20.0, np.linspace(1.0, 0.1, 40) / 20.0, (100, 40)) / np.linspace(1.0, 0.1, 40)
    keep = np.isin(GENES, genes)
    return SectionArrays("s", xy, 1.0, rng.poisson(rate)[:, keep], GENES[keep], None, target)


def without_most(contract, number=11):
    """All genes but most of those that the model reads."""
    return np.setdiff1d(GENES, contract.genes[:number])


@pytest.fixture(scope="module")
def training():
    return [section(seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def model(training):
    return fit_sections(training, FitSettings.resolve(n_top_genes=20))


def test_their_statistics_are_those_of_the_training_sections(model, training):
    contract = model.config.expression
    (found,) = model.parts.voters.discriminants
    assert len(contract.genes) == 20
    assert {*contract.candidates} == set(GENES)
    made = [expression_features(one, contract, substitutes_only=True) for one in training]
    values = np.vstack([one.rows(np.arange(100)) for one in made]).astype(float)
    target = np.concatenate([one.target for one in training])
    weight = np.where(target == 1, 0.5 / (target == 1).sum(), 0.5 / (target == 0).sum())
    centred = values - weight @ values
    np.testing.assert_allclose(found.variance[20:], weight @ np.square(centred), rtol=1e-4)
    np.testing.assert_allclose(found.contrast[20:], (weight * (2 * target - 1)) @ values, atol=1e-6)
    np.testing.assert_allclose(found.mean[20:], np.mean([one.mean() for one in made], axis=0), rtol=1e-5)
    # With as many factors as genes, their scores carry all that the genes tell of a substitute.
    own = replace(contract, substitutes=())
    genes = np.vstack([expression_features(one, own).rows(np.arange(100)) for one in training]).astype(float)
    covariance = (weight[:, None] * (genes - weight @ genes)).T @ centred
    np.testing.assert_allclose(found.factors[:20] @ found.factors[20:].T, covariance, atol=1e-5)


def test_a_section_with_all_genes_is_scored_without_them(model):
    contract, (found,) = model.config.expression, model.parts.voters.discriminants
    cut = {name: getattr(found, name)[:20] for name in ("mean", "contrast", "variance", "factors")}
    parts = replace(model.parts, voters=replace(model.parts.voters, discriminants=(replace(found, **cut),)))
    config = replace(model.config, expression=replace(contract, substitutes=()))
    alone, both = spacrd.SpaCRD(config, parts, []).predict(section(9)), model.predict(section(9))
    np.testing.assert_allclose(both.logit, alone.logit, atol=1e-9)
    np.testing.assert_allclose(both.latent, alone.latent, atol=1e-6)
    assert both.shift.decision_coverage == pytest.approx(1.0)


def test_the_best_take_the_place_of_missing_genes(model):
    contract = model.config.expression
    read = expression_features(section(9, without_most(contract)), contract).present
    np.testing.assert_array_equal(read, np.r_[np.zeros(11), np.ones(20), np.zeros(9)].astype(bool))


def test_none_takes_the_place_of_a_few_missing_genes(model):
    contract = model.config.expression
    read = expression_features(section(9, without_most(contract, 10)), contract).present
    np.testing.assert_array_equal(read, np.r_[np.zeros(10), np.ones(10), np.zeros(20)].astype(bool))


def test_a_panel_of_substitutes_ranks_as_a_model_of_its_own(model, training):
    panel = np.array(model.config.expression.substitutes)
    new = section(9, panel)
    refitted = fit_sections(training, FitSettings.resolve(genes=tuple(panel)))
    found, best = (roc_auc_score(new.target, one.predict(new).logit) for one in (model, refitted))
    assert found > best - 0.02 > 0.8
    assert model.predict(new).shift.gene_coverage == 0


def test_they_are_saved_and_explained(model, tmp_path):
    new = section(9, without_most(model.config.expression))
    model.save(tmp_path / "model")
    loaded = spacrd.SpaCRD.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(new).logit, model.predict(new).logit)
    names = np.arange(100).astype(str)
    obs = pd.DataFrame({"spacrd_region": np.where(new.target == 1, "cancer", "other")}, index=names)
    table = AnnData(new.counts, obs=obs, var=pd.DataFrame(index=new.genes), obsm={"spatial": new.xy})
    with pytest.warns(spacrd.SpacrdWarning, match=r"9 of the model's 20 genes \(45 %\); 11 others take the place"):
        explained = spacrd.tl.explain(table, model, groupby="spacrd_region", copy=True)
    by_gene = explained.varm["spacrd_contributions"]
    means = explained.obsm["spacrd_contributions"].groupby(obs["spacrd_region"])["expression"].mean()
    np.testing.assert_allclose(by_gene.sum(), means[by_gene.columns], atol=1e-3)
    assert by_gene.loc[list(model.config.expression.substitutes[:10]), "cancer"].any()


@pytest.mark.parametrize("settings", [{"genes": tuple(GENES[:12])}, {"n_top_genes": 40}, {"recipe": "published"}])
def test_there_are_none_where_genes_are_given_or_all_are_read(settings, training):
    contract = spacrd.train._fit.prepare_training(training, FitSettings.resolve(**settings)).expression
    assert contract.substitutes == ()
