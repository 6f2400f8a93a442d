"""What a model says of a section given as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from spacrd.features._arrays import prepare
from spacrd.model import Calibration, ModelParts, SpaCRD, profile_section
from spacrd.model._infer import make_tokens, to_device
from spacrd.model._level import share_of_two_groups


def changed(model: SpaCRD, **settings) -> SpaCRD:
    config = replace(model.config, **settings)
    parts = model.parts
    if {"network", "calibration"} & set(settings):
        torch.manual_seed(1)
        parts = ModelParts.empty(config)
    return SpaCRD(config, parts, [])


def test_spots_without_anything_have_no_score(model, section):
    odd = replace(section, counts=None, genes=None, image=section.image.copy())
    odd.image[[4, 9]] = np.nan
    found = model.predict(odd)
    blind = np.isin(np.arange(30), [4, 9])
    for name in ("likelihood", "logit", "uncertainty", "latent"):
        values = getattr(found, name)
        np.testing.assert_array_equal(np.isnan(values).reshape(30, -1).any(axis=1), blind, err_msg=name)
    assert found.latent.shape == (30, 4)
    assert {found.latent.dtype, found.likelihood.dtype, found.uncertainty.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found.likelihood, expit(found.logit), rtol=1e-6)
    assert ((found.uncertainty[~blind] > 0) & (found.uncertainty[~blind] < 0.5)).all()


def test_modality_and_coverage_are_told(model, section):
    assert model.predict(section).modality == "image+expression"
    bare = model.predict(replace(section, counts=None, genes=None))
    assert (bare.modality, bare.shift.gene_coverage) == ("image", 0.0)
    few = model.predict(replace(section, image=None, counts=section.counts[:, :2], genes=section.genes[:2]))
    assert (few.modality, few.shift.gene_coverage) == ("expression", 0.4)
    seeing = changed(model, network=replace(model.config.network, n_genes=0), expression=None)
    assert np.isnan(seeing.predict(section).shift.gene_coverage)


def test_the_expected_share_knows_what_is_usual(model, section):
    part = replace(section, counts=section.counts[:, :2], genes=section.genes[:2])
    arrays = prepare(
        part, expression=model.config.expression, image=model.config.image, n_neighbors=6, max_distance_um=None
    )
    options = {"expression": model.config.expression, "use_image": True, "classifier": model.parts.prevalence}
    informed = profile_section(part, arrays, **options, usual=model.parts.reference.usual)
    assert profile_section(part, arrays, **options).share != informed.share


def test_the_level_is_the_median_of_three_estimates(model, section):
    found = model.predict(section)
    latent = found.latent.astype(float)
    groups = share_of_two_groups(latent, found.logit)
    arrays = prepare(
        section, expression=model.config.expression, image=model.config.image, n_neighbors=6, max_distance_um=None
    )
    profile = profile_section(
        section,
        arrays,
        expression=model.config.expression,
        use_image=True,
        classifier=model.parts.prevalence,
        usual=model.parts.reference.usual,
    )
    wanted = np.median(np.clip([profile.share, groups, model.config.training_share], 0.02, 0.98))
    assert found.level.share == pytest.approx(wanted)
    assert found.level.interval[0] < wanted < found.level.interval[1]


def test_the_farthest_neighbour_is_that_of_the_model(model, section):
    near = changed(model, max_distance_um=90.0)
    assert not np.allclose(near.predict(section).latent, model.predict(section).latent, atol=1e-5)
    with pytest.raises(ValueError, match="largest distance of 90.0 um was asked for"):
        near.predict(replace(section, um_per_unit=np.nan))


def test_an_uncalibrated_model_knows_no_level(model, section):
    bare = changed(model, calibration=Calibration(), presence=None).predict(section)
    assert np.isnan(bare.level.share) and np.isnan(bare.uncertainty).all()
    assert bare.verdict == "unclear"
    assert np.isfinite(bare.likelihood).all()


def test_precision_and_size_of_blocks_are_checked(model, section):
    wanted = model.predict(section)
    np.testing.assert_array_equal(model.predict(section, precision="32-true").logit, wanted.logit)
    rough = model.predict(section, precision="bf16-mixed")
    assert 0 < np.abs(rough.logit - wanted.logit).max() < 0.5
    for wrong in ("bf16", "16-mixed", "32-TRUE", None):
        with pytest.raises(ValueError, match="precision.*bf16-mixed"):
            model.predict(section, precision=wrong)
    for wrong, kind in ((0, ValueError), (-3, ValueError), (2.5, TypeError)):
        with pytest.raises(kind, match="batch_size"):
            model.predict(section, batch_size=wrong)


def test_a_progress_bar_names_the_section(model, section, monkeypatch):
    from spacrd import settings

    told = []
    monkeypatch.setattr(type(settings), "track", lambda _, jobs, **options: told.append(options) or jobs)
    model.predict(section)
    assert told == [{"total": 30, "description": "score a", "unit": "spot"}]


def test_everything_of_a_batch_goes_to_the_device(model, section):
    arrays = prepare(
        section, expression=model.config.expression, image=model.config.image, n_neighbors=6, max_distance_um=90
    )
    tokens = to_device(make_tokens(arrays.features, arrays.neighbours[:5], arrays.mask[:5]), torch.device("meta"))
    tensors = [*tokens.inputs.values(), *tokens.valid.values(), tokens.index, tokens.mask]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert tokens.index.shape == tokens.mask.shape == (5, 7)
    assert make_tokens(arrays.features, arrays.neighbours[:5], arrays.mask[:5] | True).mask is None


def test_what_a_model_is_in_one_line(model):
    start = f"SpaCRD {model.id}: recipe 'default'"
    end = "positive ['cancer'], 2 networks"
    assert repr(model) == f"{start}, 5 genes, X_mine (4 dimensions), {end}, calibrated on 3 sections"
    config = replace(
        model.config,
        network=replace(model.config.network, n_image=0),
        image=None,
        members=1,
        calibration=Calibration(),
        presence=None,
    )
    bare = SpaCRD(config, model.parts, [], source="lab/model@abc")
    assert repr(bare) == (f"{start}, 5 genes, positive ['cancer'], 1 network, not calibrated, from lab/model@abc")
    seeing = replace(model.config, network=replace(model.config.network, n_genes=0), expression=None)
    assert repr(SpaCRD(seeing, model.parts, [])).startswith(f"{start}, X_mine (4 dimensions), positive")
    assert SpaCRD(model.config, model.parts, []).source == ""
