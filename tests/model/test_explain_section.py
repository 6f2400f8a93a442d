"""Explanations of a section given as arrays: parts, genes and the error add up, whatever votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spacrd.explanation._explain import _linear_parts, attention_role, explain_section, mean_input
from spacrd.features._arrays import prepare
from spacrd.model import Calibration, ModelParts, SpaCRD
from spacrd.nn import SpaCRDNetwork

VOTES = {
    "attention": {},
    "attention and linear": {"linear_votes": True},
    "linear, silent attention": {"linear_votes": True, "silent": True},
    "linear": {"linear_votes": True, "fused": False},
}


@pytest.fixture(params=VOTES)
def made(request, model):
    network = replace(model.config.network, **VOTES[request.param])
    config = replace(
        model.config, network=network, calibration=Calibration(), jackknife=0, max_distance_um=250.0, members=2
    )
    torch.manual_seed(3)
    parts = ModelParts.empty(config)
    for net in parts.networks:
        for parameter in net.parameters():
            if parameter.ndim < 2 or not parameter.any():  # biases and linear votes start at zero
                torch.nn.init.normal_(parameter, std=0.3)
    return SpaCRD(config, parts, [])


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


def test_what_the_attention_does_is_told(made, request):
    wanted = {"attention": "votes", "attention and linear": "votes", "linear": "none"}
    assert attention_role(made) == wanted.get(request.node.callspec.params["made"], "silent")


@pytest.mark.parametrize("name", ["expression", "image"])
def test_linear_parts_are_those_of_the_neighbourhood_mean(model, odd, name):
    network = replace(model.config.network, linear_votes=True, fused=False)
    torch.manual_seed(4)
    networks = [SpaCRDNetwork(network) for _ in range(2)]
    for net in networks:
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter)
    c = model.config
    arrays = prepare(odd, expression=c.expression, image=c.image, n_neighbors=6, max_distance_um=250).load()
    part = arrays.features[name]
    mean = mean_input(part)
    np.testing.assert_allclose(mean, part.rows(np.flatnonzero(part.valid)).mean(axis=0), atol=1e-6)
    weights = np.random.default_rng(0).normal(size=(30, 3))
    parts, base, by_feature = _linear_parts(networks, name, arrays, mean, weights)
    slope = np.mean([net.linear[name].weight.detach().numpy().ravel() for net in networks], axis=0)
    bias = np.mean([net.linear_bias[name].item() for net in networks])
    rows = part.rows(np.arange(30))
    wanted, features = np.zeros((30, 2)), np.zeros((30, part.width))
    for spot in range(30):
        tokens = [(i, t) for i, t in enumerate(arrays.neighbours[spot]) if arrays.mask[spot, i] and part.valid[t]]
        for i, token in tokens:
            each = slope * (rows[token] - mean) / len(tokens)
            wanted[spot, min(i, 1)] += each.sum()
            features[spot] += each
    np.testing.assert_allclose(parts, wanted, atol=1e-5)
    np.testing.assert_allclose(base, slope @ mean + bias, atol=1e-5)
    np.testing.assert_allclose(by_feature, features.T @ weights, atol=1e-5)
