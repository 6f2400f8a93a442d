"""Parts of the attention's vote add up, for each spot and for each gene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from spacrd.explanation import _integrate
from spacrd.explanation._integrate import attention_parts
from spacrd.features._arrays import prepare
from spacrd.features._contract import ExpressionContract, ImageContract
from spacrd.features._section import SectionArrays
from spacrd.model import Voters, score_voters
from spacrd.nn import NetworkConfig, SpaCRDNetwork

GENES = tuple(f"g{i}" for i in range(5))


@pytest.fixture(scope="module", params=[(5, 4), (5, 0), (0, 4)], ids=["both", "expression", "image"])
def networks(request):
    n_genes, n_image = request.param
    config = NetworkConfig(
        n_genes, n_image, hidden=(16, 8), width=8, heads=2, vae_hidden=(8, 8), latent=4, missing_token=True
    )
    made = []
    for seed in range(2):
        torch.manual_seed(seed)
        made.append(SpaCRDNetwork(config).eval())
    return made


@pytest.fixture(scope="module")
def section():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(41, 4)).astype(np.float32)
    image[[3, 17]] = np.nan
    return SectionArrays(
        "a",
        rng.uniform(0, 900, (41, 2)),
        1.0,
        csr_matrix(rng.poisson(2, (41, 5)).astype(np.float32)),
        np.array(GENES),
        image,
        np.full(41, np.nan),
    )


def parts_of(networks, section, *, n_steps=512, batch_size=7, weights=None):
    c = networks[0].config
    arrays = prepare(
        section,
        expression=ExpressionContract(GENES, GENES) if c.n_genes else None,
        image=ImageContract(key="X_mine", dim=4) if c.n_image else None,
        n_neighbors=6,
        max_distance_um=300,
    ).load()
    weights = np.random.default_rng(1).normal(size=(41, 3)) if weights is None else weights
    found = attention_parts(
        networks,
        arrays,
        weights,
        vote=score_voters(Voters(tuple(networks)), arrays, []).votes[:, 0],
        n_steps=n_steps,
        batch_size=batch_size,
        device="cpu",
        description="explain",
    )
    return found, arrays, weights


def test_parts_and_base_add_up_to_the_vote(networks, section):
    found, arrays, _ = parts_of(networks, section)
    assert not arrays.mask.all()  # some neighbourhoods are not full
    vote = score_voters(Voters(tuple(networks)), arrays, []).votes[:, 0]
    assert set(found.parts) == set(networks[0].modalities)
    total = found.base + sum(part.sum(axis=1) for part in found.parts.values())
    np.testing.assert_allclose(total, vote, atol=1e-2 * np.ptp(vote))
    assert min(np.ptp(part) for part in found.parts.values()) > 0.01 * np.ptp(vote)


def test_genes_add_up_to_their_part_with_every_weight(networks, section):
    found, _, weights = parts_of(networks, section, n_steps=4)
    if "expression" not in found.parts:
        assert found.genes is None
    else:
        assert found.genes.shape == (networks[0].config.n_genes, 3)
        np.testing.assert_allclose(
            found.genes.sum(axis=0), weights.T @ found.parts["expression"].sum(axis=1), atol=1e-5
        )
        none, _, _ = parts_of(networks, section, n_steps=1, weights=np.zeros((41, 0)))
        assert none.genes.shape == (networks[0].config.n_genes, 0)


def test_a_gene_that_is_the_same_everywhere_contributes_nothing(networks, section):
    counts = section.counts.toarray()
    counts[:, 2] = 0
    found, _, _ = parts_of(networks, replace(section, counts=csr_matrix(counts)), n_steps=4)
    if found.genes is not None:
        np.testing.assert_array_equal(found.genes[2], 0)
        assert np.abs(found.genes[[0, 1, 3, 4]]).min() > 0


def test_size_of_blocks_does_not_matter(networks, section):
    one, _, _ = parts_of(networks, section, n_steps=8)
    two, _, _ = parts_of(networks, section, n_steps=8, batch_size=100)
    for name in one.parts:
        np.testing.assert_allclose(one.parts[name], two.parts[name], atol=1e-6)
    np.testing.assert_allclose(one.base, two.base, atol=1e-6)
    if one.genes is not None:
        np.testing.assert_allclose(one.genes, two.genes, atol=1e-5)


def test_points_are_added_until_the_parts_add_up(networks, section, monkeypatch):
    used = []

    def integrated(*arguments, n_steps, **options):
        used.append(n_steps)
        return real(*arguments, n_steps=n_steps, **options)

    real = _integrate._integrated
    monkeypatch.setattr(_integrate, "_integrated", integrated)
    found, arrays, _ = parts_of(networks, section, n_steps=1000)
    assert used == [8 * 2**i for i in range(len(used))] and used[-1] < 512
    vote = score_voters(Voters(tuple(networks)), arrays, []).votes[:, 0]
    gap = vote - found.base - sum(part.sum(axis=1) for part in found.parts.values())
    assert np.abs(gap).max() <= 0.01 * np.ptp(vote)
    monkeypatch.setattr(_integrate, "TOLERANCE", 0.0)
    exact, _, _ = parts_of(networks, section, n_steps=256)
    assert used[-1] == 256
    for name, part in exact.parts.items():
        assert np.abs(found.parts[name] - part).max() <= 0.01 * np.ptp(part)
