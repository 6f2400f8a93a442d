"""From votes to contributions: what the sparse code says, told again with dense matrices."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.explanation._explain import LinearPath
from spacrd.features._graph import neighbour_graph
from spacrd.model import Calibration
from spacrd.model._infer import Scores

N, VOTES, MODALITIES = 60, 3, 2


@pytest.fixture(params=[0.0, 0.7], ids=["alone", "propagated"])
def share(request):
    return request.param


@pytest.fixture(params=[0, 3], ids=["as they come", "calibrated"])
def chain(request, share):
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 10, (N, 2))
    xy[5] = 1e4  # a spot without neighbours
    weaken = np.diag(np.where(np.arange(N) == 9, 0.05, 1.0))  # a spot whose neighbours weigh less than one
    counted = rng.random((N, VOTES)) < 0.8
    counted[:, 2] = False  # a vote that no spot has
    counted[[7, 8]] = False  # and spots without a vote
    counted[5, 0] = True
    graph = csr_matrix(weaken @ neighbour_graph(xy, 4, 3.0) @ weaken)
    calibration = Calibration(1.7, (1.0, 0.5, 2.0) if request.param else (), request.param)
    model = SimpleNamespace(config=SimpleNamespace(calibration=calibration, propagation=share))
    scores = Scores(rng.normal(size=(N, VOTES)), counted, np.zeros((N, 1)))
    return LinearPath(model, SimpleNamespace(graph=graph), scores)


def diffusion(chain: LinearPath, vote: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The matrix that propagates a vote, and the spots that have neighbours to walk to."""
    usable = chain.counted[:, vote]
    near = chain.inputs.graph.toarray() * usable[:, None] * usable
    degree = near.sum(axis=1)
    walk = near / np.maximum(degree, 1)[:, None]
    stay = 1 - share * np.minimum(degree, 1)
    return np.linalg.inv(np.eye(N) - share * walk) @ np.diag(stay * usable), stay


def centred(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    return values - values[usable].mean() if usable.any() else values


def test_parts_go_the_way_of_the_votes(chain, share):
    rng = np.random.default_rng(1)
    parts, bases = rng.normal(size=(N, VOTES, MODALITIES, 2)), rng.normal(size=(N, VOTES))
    contributions, base, sources = chain.apply(parts, bases)
    wanted, wanted_base, fresh = np.zeros((N, MODALITIES)), np.zeros(N), np.zeros((N, 2))
    for vote in range(VOTES):
        spread, stay = diffusion(chain, vote, share)
        usable, weight = chain.counted[:, vote], chain.weight[:, vote]
        for number in range(MODALITIES):
            wanted[:, number] += weight * centred(spread @ parts[:, vote, number].sum(axis=1), usable)
        through = spread @ (bases[:, vote] + (0 if chain.calibrated else parts[:, vote].sum(axis=(1, 2))))
        lost = 0 if chain.calibrated or not usable.any() else through[usable].mean()
        wanted_base += weight * (centred(spread @ bases[:, vote], usable) + lost)
        for number in range(2):
            fresh[:, number] += weight * centred(stay * parts[:, vote, :, number].sum(axis=1), usable)
    blind = ~chain.counted.any(axis=1)
    assert blind.sum() >= 2
    assert np.isnan(contributions[blind]).all() and np.isnan(base[blind]).all() and np.isnan(sources[blind]).all()
    seen = ~blind
    np.testing.assert_allclose(contributions[seen], wanted[seen], atol=1e-6)
    np.testing.assert_allclose(base[seen], wanted_base[seen], atol=1e-6)
    np.testing.assert_allclose(sources[seen, :2], fresh[seen], atol=1e-6)
    np.testing.assert_allclose(sources[seen].sum(axis=1), wanted[seen].sum(axis=1), atol=1e-6)


@pytest.mark.parametrize("vote", range(VOTES))
def test_sums_over_regions_go_back_to_the_votes(chain, share, vote):
    regions = np.random.default_rng(2).random((N, 3)) < 0.4
    values = np.random.default_rng(3).normal(size=N)
    spread, _ = diffusion(chain, vote, share)
    usable = chain.counted[:, vote]
    wanted = regions.T @ (chain.weight[:, vote] * centred(spread @ values, usable))
    found = chain.adjoint(regions, vote)
    assert found.shape == (N, 3)
    np.testing.assert_allclose(found[usable].T @ values[usable], wanted, atol=1e-6)
    assert chain.adjoint(regions[:, :0], vote).shape == (N, 0)


def test_votes_are_averaged_over_those_that_count(chain):
    counted = chain.counted
    if not chain.calibrated:
        np.testing.assert_allclose(chain.weight, counted / np.maximum(counted.sum(axis=1, keepdims=True), 1))
    assert not chain.weight[~counted].any()
