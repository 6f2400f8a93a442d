"""Settings that the default recipe leaves off do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from spacrd.features import scale
from spacrd.nn import NetworkConfig, SpaCRDNetwork, Tokens

SMALL = NetworkConfig(
    6, 4, hidden=(16, 8), width=8, heads=2, vae_hidden=(8, 8), latent=4, token_norm="feature", linear_votes=True
)


def batch(*, image: bool = True) -> Tokens:
    torch.manual_seed(1)
    valid = torch.ones(9, dtype=torch.bool)
    return Tokens(
        {"image": torch.rand(9, 4), "expression": torch.rand(9, 6)},
        {"image": valid & image, "expression": valid},
        torch.stack([torch.randperm(9)[:4] for _ in range(5)]),
    )


def network(**changes) -> SpaCRDNetwork:
    torch.manual_seed(0)
    made = SpaCRDNetwork(replace(SMALL, **changes)).eval()
    for layer in made.linear.values():
        torch.nn.init.normal_(layer.weight)
    return made


def test_attention_reads_one_modality():
    one = network(reads=("image",))
    assert set(one.encoders) == {"image"}
    changed = batch()
    changed.inputs["expression"].add_(1.0)
    before, after = one(batch()), one(changed)
    torch.testing.assert_close(after.votes[:, 0], before.votes[:, 0])
    assert not torch.allclose(after.votes[:, 2], before.votes[:, 2])


def test_attention_that_sees_nothing_does_not_count():
    one = network(reads=("image",), missing_token=True)
    blind = one(batch(image=False))
    assert not blind.counted[:, 0].any()
    assert not blind.counted[:, 1].any()
    torch.testing.assert_close(blind.logit, blind.votes[:, 2])


def test_silent_attention_makes_the_latent_code_and_no_logit():
    silent = network(silent=True)
    found = silent(batch())
    torch.testing.assert_close(found.logit, found.votes[:, 1:].mean(1))
    assert found.mean.shape == (5, 4)


def test_without_fusion_the_linear_votes_are_left():
    bare, full = network(fused=False), network()
    assert {name.split(".")[0] for name in bare.state_dict()} == {"linear", "linear_bias"}
    bare.load_state_dict({name: value for name, value in full.state_dict().items() if name.startswith("linear")})
    torch.testing.assert_close(bare(batch()).votes, full(batch()).votes[:, 1:])
    assert bare.config.latent_width == 0


@pytest.mark.parametrize("wrong", [{"silent": True}, {"fused": False}])
def test_someone_must_vote(wrong):
    with pytest.raises(ValueError, match="linear_votes"):
        replace(SMALL, linear_votes=False, **wrong)


def test_only_known_modalities_are_read():
    with pytest.raises(ValueError, match="reads"):
        replace(SMALL, n_image=0, reads=("image",))


@pytest.mark.parametrize("sparse", [True, False])
def test_quantile_scaling_is_not_set_by_one_spot(sparse):
    values = np.random.default_rng(0).poisson(3, (200, 5)).astype(np.float32)
    spiked = values.copy()
    spiked[7, 2] = 1000
    every, valid = np.arange(200), np.ones(200, dtype=bool)
    as_is = csr_matrix if sparse else np.asarray
    one, two = (scale(as_is(x), "quantile", valid).rows(every) for x in (values, spiked))
    others = every != 7
    np.testing.assert_allclose(one[others], two[others], atol=0.05)
    assert one.min() == 0
    assert one.max() == 1
    spiked_minmax = scale(as_is(spiked), "minmax", valid).rows(every)
    assert spiked_minmax[others, 2].max() < 0.02
