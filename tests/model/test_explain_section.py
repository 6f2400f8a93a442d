"""Explanations of a section given as arrays: parts, genes and the error add up, whatever votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spacrd.explanation._explain import LinearVote, _linear_parts, attention_role, explain_section
from spacrd.features._arrays import prepare
from spacrd.model import Calibration, Discriminant, ModelParts, SpaCRD

VOTES = {
    "attention": {},
    "attention and linear": {"network": {"linear_votes": True}},
    "attention and discriminant": {"discriminants": ("expression",), "network": {"n_genes": 0}},
    "discriminants": {"discriminants": ("image", "expression"), "network": None},
}


@pytest.fixture(params=VOTES)
def made(request, model):
    changes = VOTES[request.param]
    change = changes.get("network", {})
    config = replace(
        model.config,
        network=None if change is None else replace(model.config.network, **change),
        discriminants=changes.get("discriminants", ()),
        calibration=Calibration(),
        presence=None,
        max_distance_um=250.0,
        members=0 if change is None else 2,
    )
    torch.manual_seed(3)
    parts = ModelParts.empty(config)
    for net in parts.voters.networks:
        for parameter in net.parameters():
            if parameter.ndim < 2 or not parameter.any():  # biases and linear votes start at zero
                torch.nn.init.normal_(parameter, std=0.3)
    found = tuple(random_discriminant(config.widths[name]) for name in config.discriminants)
    return SpaCRD(config, replace(parts, voters=replace(parts.voters, discriminants=found)), [])


def random_discriminant(width):
    rng = np.random.default_rng(width)
    factors = rng.normal(size=(width, width))
    arrays = (rng.random(width), rng.normal(size=width), np.square(factors).sum(axis=1) + 1, factors, 0.01)
    return Discriminant(*(np.asarray(array, np.float32) for array in arrays))


@pytest.fixture
def odd(section):
    image = section.image.copy()
    image[[2, 11]] = np.nan
    return replace(section, image=image)


def test_parts_add_up_to_the_logit_and_genes_to_expression(made, odd):
    regions = np.random.default_rng(0).random((30, 2)) < 0.5
    found = explain_section(made, odd, regions, n_steps=64, batch_size=7, device="cpu")
    logit = made.predict(odd).logit
    assert found.modalities == ("image", "expression")
    gap = np.abs(found.contributions.sum(axis=1) + found.base - logit).max()
    assert gap < 0.01 * np.ptp(logit)
    assert gap <= found.error + 1e-6
    np.testing.assert_allclose(found.sources.sum(axis=1), found.contributions.sum(axis=1), atol=1e-6)
    expression = found.contributions[:, 1]
    np.testing.assert_allclose(found.genes.sum(axis=0), regions.T @ expression, atol=1e-5)
    rough = explain_section(made, odd, regions, n_steps=1, batch_size=100)
    if attention_role(made) == "votes":
        assert found.error < rough.error
    else:
        assert max(found.error, rough.error) < 1e-6


@pytest.mark.parametrize("made", ["discriminants"], indirect=True)
def test_discriminants_are_explained_without_a_step_of_integration(made, odd, monkeypatch):
    regions = np.ones((len(odd.xy), 1), dtype=bool)
    fine = explain_section(made, odd, regions, n_steps=256, batch_size=64)
    monkeypatch.setattr("spacrd.explanation._explain.attention_parts", None)
    coarse = explain_section(made, odd, regions, n_steps=1, batch_size=64)
    for name in ("contributions", "base", "sources", "genes"):
        np.testing.assert_array_equal(getattr(coarse, name), getattr(fine, name))
    assert coarse.error < 1e-6


def test_what_the_attention_does_is_told(made):
    assert attention_role(made) == ("votes" if made.networks else "none")


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("name", ["expression", "image"])
def test_linear_parts_are_those_of_what_is_read(model, odd, name, pooled):
    c = model.config
    arrays = prepare(odd, expression=c.expression, image=c.image, n_neighbors=6, max_distance_um=250).load()
    part = arrays.features[name]
    mean = part.mean()
    np.testing.assert_allclose(mean, part.rows(np.flatnonzero(part.valid)).mean(axis=0), atol=1e-6)
    weights = np.random.default_rng(0).normal(size=(30, 3))
    slope, bias = np.random.default_rng(1).normal(size=part.width), 0.3
    parts, base, by_feature = _linear_parts(LinearVote(slope, bias, pooled), arrays, name, mean, weights)
    rows = part.rows(np.arange(30))
    wanted, features = np.zeros((30, 2)), np.zeros((30, part.width))
    for spot in range(30):
        near = arrays.neighbours[spot] if pooled else arrays.neighbours[spot, :1]
        tokens = [(i, t) for i, t in enumerate(near) if arrays.mask[spot, i] and part.valid[t]]
        for i, token in tokens:
            each = slope * (rows[token] - mean) / len(tokens)
            wanted[spot, min(i, 1)] += each.sum()
            features[spot] += each
    np.testing.assert_allclose(parts, wanted, atol=1e-5)
    np.testing.assert_allclose(base, slope @ mean + bias, atol=1e-5)
    np.testing.assert_allclose(by_feature, features.T @ weights, atol=1e-5)
