from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks import reference
from scipy.sparse import csr_matrix
from torch import nn

from spacrd.features import NetworkInputs, scale
from spacrd.features._neighbours import neighbourhoods, spatial_order
from spacrd.model import RECIPES
from spacrd.model._infer import score_each
from spacrd.nn import NetworkConfig, SpaCRDNetwork, Tokens
from spacrd.train._data import Batch
from spacrd.train._stages import AlignmentStage, FusionStage


def make_batch(n_genes=30, n_image=12, spots=40, batch=16, tokens=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    gene = torch.rand(spots, n_genes, generator=generator, dtype=dtype)
    image = torch.rand(spots, n_image, generator=generator, dtype=dtype)
    index = torch.randint(spots, (batch, tokens), generator=generator)
    valid = torch.ones(spots, dtype=torch.bool)
    return Tokens({"expression": gene, "image": image}, {"expression": valid, "image": valid}, index)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SpaCRDNetwork(NetworkConfig(n_genes=30, n_image=12, dropout=0.0, attention_dropout=0.0)).double()


def test_published_size_is_the_papers():
    with torch.device("meta"):
        network = SpaCRDNetwork(NetworkConfig(n_genes=3000, n_image=1024))
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert count(network) == 8_694_913
    assert count(network.encoders["image"]) == 1_840_128
    assert count(network.encoders["expression"]) == 3_863_552
    assert count(network.rvae) == 353_664 + 128
    assert count(network.classifier) == 8_321


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_plain_transcription(network, training):
    batch = make_batch()
    network.train(training)
    if not training:  # BatchNorm statistics that are not the initial ones
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
    fast = network(batch)
    plain = reference.forward(network, batch.inputs["image"][batch.index], batch.inputs["expression"][batch.index])
    plain.pop("rebuilt")  # a sample
    for name, values in plain.items():
        torch.testing.assert_close(getattr(fast, name), values, rtol=1e-10, atol=1e-10)


def test_gradients_equal_the_plain_transcription(network):
    batch = make_batch()
    network.train()
    network(batch).logit.square().sum().backward()
    fast = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    plain = reference.forward(network, batch.inputs["image"][batch.index], batch.inputs["expression"][batch.index])
    plain["logit"].square().sum().backward()
    assert fast
    for name, p in network.named_parameters():
        if p.grad is not None:
            # The key's bias cancels in the softmax, so the fast path leaves it out.
            torch.testing.assert_close(fast.get(name, torch.zeros_like(p)), p.grad, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("stage", ["alignment", "vae", "classifier"])
def test_training_steps_equal_the_plain_transcription(network, stage, monkeypatch):
    """Loss and gradients of both stages, as the published recipe trains them."""
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)  # the same sample of the latent code
    batch, recipe = make_batch(), RECIPES["published"]
    target = (torch.arange(16) % 3 == 0).double()
    image, gene = batch.inputs["image"], batch.inputs["expression"]
    network.train()
    if stage == "alignment":
        fast = AlignmentStage(network, recipe, 1).training_step(Batch(batch, target, len(target)), 0)
        plain = reference.alignment_loss(network, image, gene)
    else:
        recipe = replace(recipe, vae_epochs=0 if stage == "classifier" else 50)
        fast = FusionStage(network, recipe, 1).training_step(Batch(batch, target, len(target)), 0)
        tokens = image[batch.index], gene[batch.index]
        plain = reference.fusion_loss(network, *tokens, target, classify=stage == "classifier")
    torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)
    parameters = dict(network.named_parameters())
    gradients = [
        torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for loss in (fast, plain)
    ]
    assert sum(bool(g.any()) for g in gradients[0]) > 10
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-11)


def test_scores_equal_the_plain_transcription(network):
    """Encoded once per spot in pieces of tissue, or stacked and encoded token by token."""
    rng = np.random.default_rng(0)
    xy = rng.random((90, 2))
    raw = {"image": rng.random((90, 12), np.float32), "expression": rng.random((90, 30), np.float32)}
    valid = np.ones(90, dtype=bool)
    neighbours, mask = neighbourhoods(xy, 6)
    features = {name: scale(x, "minmax", valid) for name, x in raw.items()}
    target, graph = np.zeros(90, np.float32), csr_matrix((90, 90))
    arrays = NetworkInputs(features, neighbours, mask, target, spatial_order(xy), graph)
    network = network.float().eval()
    found = score_each([network], arrays, batch_size=16, device="cpu")[0].votes[:, 0]
    dense = [features[name].rows(np.arange(90)) for name in ("image", "expression")]
    np.testing.assert_allclose(found, reference.score(network, *dense, neighbours), atol=1e-5)


def test_neighbour_norm_reads_the_neighbours_and_feature_norm_does_not(network):
    tokens = torch.rand(2, 7, 512, dtype=torch.float64)
    other = tokens.clone()
    other[:, 1:] *= 5
    assert not torch.allclose(network.normalise(tokens, None)[:, 0], network.normalise(other, None)[:, 0])
    torch.testing.assert_close(network.normalise(tokens, None).square().sum(1), torch.ones(2, 512).double())
    feature = SpaCRDNetwork(NetworkConfig(30, 12, token_norm="feature"))
    torch.testing.assert_close(feature.normalise(tokens, None)[:, 0], feature.normalise(other, None)[:, 0])
    torch.testing.assert_close(feature.normalise(tokens, None).square().sum(-1), torch.ones(2, 7).double())


@pytest.mark.parametrize("token_norm", ["neighbour", "feature"])
def test_tokens_of_nothing_have_a_gradient(token_norm):
    network = SpaCRDNetwork(NetworkConfig(30, 12, token_norm=token_norm))
    for nothing in (0.0, 1e-30):
        tokens = torch.full((2, 7, 512), nothing, requires_grad=True)
        network.normalise(tokens, None).sum().backward()
        assert tokens.grad.isfinite().all()


@pytest.mark.parametrize("token_norm", ["neighbour", "feature"])
def test_masked_tokens_do_not_count(token_norm):
    torch.manual_seed(0)
    config = NetworkConfig(30, 12, token_norm=token_norm, linear_votes=True, missing_token=True)
    network = SpaCRDNetwork(config).double().eval()
    nn.init.normal_(network.linear["expression"].weight)
    batch = make_batch()
    mask = torch.ones(batch.index.shape, dtype=torch.bool)
    mask[:, 4:] = False
    short = Tokens(batch.inputs, batch.valid, batch.index[:, :4])
    long = Tokens(batch.inputs, batch.valid, batch.index, mask)
    torch.testing.assert_close(network(long).logit, network(short).logit)


def test_missing_modality_is_replaced_by_the_learned_token():
    torch.manual_seed(0)
    network = SpaCRDNetwork(NetworkConfig(30, 12, missing_token=True, linear_votes=True)).double().eval()
    nn.init.normal_(network.linear["image"].weight)
    batch = make_batch()
    nothing = torch.zeros(40, dtype=torch.bool)
    blind = {**batch.valid, "image": nothing}
    changed = {**batch.inputs, "image": batch.inputs["image"] + 7}
    one = network(Tokens(batch.inputs, blind, batch.index)).logit
    two = network(Tokens(changed, blind, batch.index)).logit
    torch.testing.assert_close(one, two)
    assert not torch.allclose(one, network(batch).logit)


def test_votes_of_neighbourhood_means_are_averaged():
    torch.manual_seed(0)
    network = SpaCRDNetwork(NetworkConfig(30, 12, linear_votes=True)).double().eval()
    batch = make_batch()
    nn.init.normal_(network.linear["expression"].weight)
    nn.init.constant_(network.linear_bias["expression"], 0.7)
    output = network(batch)
    wanted = batch.inputs["expression"][batch.index].mean(1) @ network.linear["expression"].weight.squeeze(0) + 0.7
    torch.testing.assert_close(output.votes[:, network.modalities.index("expression") + 1], wanted)
    torch.testing.assert_close(output.logit, output.votes.mean(1))
    blind = {**batch.valid, "expression": torch.zeros(40, dtype=torch.bool)}
    output = network(Tokens(batch.inputs, blind, batch.index))
    torch.testing.assert_close(output.logit, output.votes[:, :2].mean(1))


@pytest.mark.parametrize(("n_genes", "n_image"), [(30, 0), (0, 12)])
def test_one_modality_alone(n_genes, n_image):
    network = SpaCRDNetwork(NetworkConfig(n_genes, n_image)).double().eval()
    batch = make_batch()
    name = network.modalities[0]
    only = Tokens({name: batch.inputs[name]}, {name: batch.valid[name]}, batch.index)
    assert len(network.modalities) == 1
    assert network(only).logit.shape == (16,)


@pytest.mark.parametrize("switch", [{"attention": False}, {"variational": False}])
def test_ablations_leave_their_part_out(switch):
    full = SpaCRDNetwork(NetworkConfig(30, 12))
    less = SpaCRDNetwork(NetworkConfig(30, 12, **switch)).double().eval()
    assert len(list(less.parameters())) < len(list(full.parameters()))
    assert torch.isfinite(less(make_batch()).logit).all()


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="at least one must be positive"):
        NetworkConfig(0, 0)
    with pytest.raises(ValueError, match="not divisible"):
        NetworkConfig(3, 3, width=100, heads=8)
