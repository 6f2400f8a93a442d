from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from spacrd.nn._losses import class_kl, info_nce, reconstruction, separation, vote_loss
from spacrd.nn._rvae import RVAE


def test_info_nce_of_unrelated_pairs_is_chance_and_of_perfect_pairs_is_zero():
    same = torch.ones(8, 4)
    assert info_nce(same, same, temperature=0.07, alpha=0.5).item() == pytest.approx(math.log(8), rel=1e-5)
    apart = torch.eye(8)
    assert info_nce(apart, 3 * apart, temperature=0.02, alpha=0.5).item() == pytest.approx(0, abs=1e-6)


def test_info_nce_alpha_weighs_the_directions():
    torch.manual_seed(0)
    image, gene = torch.randn(6, 5), torch.randn(6, 5)
    z, w = (x / x.norm(dim=1, keepdim=True) for x in (image, gene))
    rows = -torch.log_softmax(z @ w.T / 0.1, dim=1).diag().mean()
    columns = -torch.log_softmax(z @ w.T / 0.1, dim=0).diag().mean()
    for alpha in (0.0, 0.3, 1.0):
        wanted = alpha * rows + (1 - alpha) * columns
        torch.testing.assert_close(info_nce(image, gene, temperature=0.1, alpha=alpha), wanted)


def test_class_kl_equals_torch_distributions():
    torch.manual_seed(0)
    mean, logvar, prior = torch.randn(5, 3), torch.randn(5, 3), torch.randn(5, 3)
    wanted = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(prior, torch.ones(5, 3))).sum(1).mean()
    torch.testing.assert_close(class_kl(mean, logvar, prior), wanted)


def test_separation_is_bounded_only_when_asked():
    means = torch.tensor([[0.0, 0.0], [30.0, 40.0]])
    assert separation(means).item() == -50
    assert separation(means, bound=4.0).item() == -4


def test_detached_reconstruction_leaves_its_target_alone():
    fused = torch.randn(4, 3, requires_grad=True)
    decoded = torch.randn(4, 3, requires_grad=True)
    reconstruction(decoded, fused, detach=True).backward()
    assert fused.grad is None
    reconstruction(decoded, fused, detach=False).backward()
    assert fused.grad.abs().sum() > 0


def test_bounded_logvar_stays_finite():
    rvae = RVAE(8, (6, 5), 3, logvar_bound=8.0)
    torch.nn.init.constant_(rvae.logvar.bias, 1e6)
    _, logvar = rvae.encode(torch.randn(4, 8))
    assert logvar.abs().max() <= 8
    assert torch.isfinite(logvar.exp()).all()


def test_votes_that_do_not_count_cost_nothing():
    votes = torch.tensor([[0.0, 5.0], [0.0, 50.0]])
    target = torch.tensor([1.0, 0.0])
    counted = torch.tensor([[True, True], [True, False]])
    wanted = math.log(2) + math.log1p(math.exp(-5.0))
    assert vote_loss(votes, counted, target, torch.ones(2)).item() == pytest.approx(wanted, rel=1e-5)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(votes[:, 0], target)
    torch.testing.assert_close(vote_loss(votes[:, :1], counted[:, :1], target, torch.ones(2)), plain)
    heavy = vote_loss(votes[:, :1], counted[:, :1], target, torch.tensor([1.0, 3.0]))
    assert heavy > plain
