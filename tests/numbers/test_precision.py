"""Float32 is near float64: the network, its gradients, and the whole score."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from benchmarks import double

import spacrd
from spacrd.nn import NetworkConfig, SpaCRDNetwork, Tokens
from spacrd.train._data import Batch
from spacrd.train._stages import AlignmentStage, FusionStage
from tests.making.recipes import RECIPES_OF_NETWORKS, small_recipe
from tests.making.sections import make_section

FORWARD, GRADIENT, SCORE = 1e-5, 1e-3, 1e-5
"""Bounds of docs/method/robustness.md: of logits, of gradients relative to their norm, and of likelihoods."""
SIZES = {"n_genes": 3000, "n_image": 1024}


def pair(recipe: str, **changes):
    """The recipe's network at its real size, in both precisions; no dropout, whose random numbers differ."""
    settings = {**RECIPES_OF_NETWORKS[recipe].network, "dropout": 0.0, "attention_dropout": 0.0, **changes}
    torch.manual_seed(0)
    single = SpaCRDNetwork(NetworkConfig(**SIZES, **settings))
    for name, parameter in single.named_parameters():
        if name.startswith("linear."):  # zero at first
            torch.nn.init.normal_(parameter, std=0.02)
    return single, deepcopy(single).double()


def batches(n=64, spots=150):
    rng = torch.Generator().manual_seed(1)
    inputs = {name: torch.rand(spots, width, generator=rng) for name, width in (("expression", 3000), ("image", 1024))}
    inputs["expression"][inputs["expression"] < 0.8] = 0  # most genes are not seen
    valid = {name: torch.rand(spots, generator=rng) > 0.1 for name in inputs}
    index = torch.randint(spots, (n, 7), generator=rng)
    both = [
        Tokens({k: v.to(dtype) for k, v in inputs.items()}, valid, index) for dtype in (torch.float32, torch.float64)
    ]
    return *both, (torch.arange(n) % 3 == 0).float()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("recipe", ["networks", "published"])
def test_votes_in_float32_are_near_those_in_float64(recipe, training):
    single, reference = pair(recipe)
    short, long, _ = batches()
    with torch.inference_mode():
        one, two = single.train(training)(short), reference.train(training)(long)
    for name in ("logit", "votes", "mean", "logvar"):
        torch.testing.assert_close(getattr(one, name).double(), getattr(two, name), rtol=FORWARD, atol=FORWARD)


@pytest.mark.parametrize("stage", [AlignmentStage, FusionStage])
@pytest.mark.parametrize("recipe", ["networks", "published"])
def test_gradients_in_float32_are_near_those_in_float64(recipe, stage, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)  # the same sample of the latent code
    short, long, target = batches()
    plan = small_recipe(recipe, vae_epochs=0, input_dropout=0.0)
    grown = []
    for network, tokens in zip(pair(recipe), (short, long), strict=True):
        network.train()
        batch = Batch(tokens, target.to(tokens.inputs["expression"].dtype), len(target))
        stage(network, plan, 1).training_step(batch, 0).backward()
        grown.append({name: p.grad.double() for name, p in network.named_parameters() if p.grad is not None})
    one, two = grown
    assert one.keys() == two.keys() and len(one) > 10
    whole = torch.cat([g.flatten() for g in two.values()]).norm()
    for name, wanted in two.items():
        error = (one[name] - wanted).norm() / max(wanted.norm(), 1e-3 * whole)
        assert error < GRADIENT, f"{name}: {error:.2g}"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", ["default", "networks", "networks, expression", "published"])
def test_likelihoods_in_float32_are_near_those_in_float64(case, both_model):
    recipe, _, modality = case.partition(", ")
    model = both_model
    if case != "networks":
        short = {"lr": 5e-3, "alignment_epochs": 2, "vae_epochs": 0, "fusion_epochs": 25, "batch_size": 32}
        steps = {"members": 1, **(short if recipe == "published" else {})}
        plan = recipe if recipe == "default" else small_recipe(recipe, **steps)
        sections = [make_section(1), make_section(2)]
        model = spacrd.tl.fit(
            sections, "pathologist", positive="invasive cancer", recipe=plan, modality=modality or None
        )
    target = make_section(3, n=120)[:, :-3].copy()  # some genes of the model are missing
    wanted = double.likelihoods(model, target)
    spacrd.tl.score(target, model)
    found = target.obs["spacrd_likelihood"].to_numpy()
    assert np.ptp(found) > 0.5
    np.testing.assert_allclose(found, wanted, rtol=0, atol=SCORE)
