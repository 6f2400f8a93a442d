from __future__ import annotations

import numpy as np
import pytest

from spacrd.features import _graph
from spacrd.features._graph import neighbour_graph
from tests.making.turns import lattice, moved


@pytest.mark.parametrize(("kind", "n"), [("hexagonal", 6), ("square", 8)])
def test_all_neighbours_on_a_lattice_count_alike(kind, n):
    graph = neighbour_graph(lattice(kind, 11, 137.0), 6, np.inf).toarray()
    # Spots at the border have few neighbours at hand, and reach farther.
    inside = graph[np.abs(np.column_stack(np.divmod(np.arange(121), 11)) - 5).max(axis=1) <= 2]
    assert ((inside == 1).sum(axis=1) == n).all() and ((inside > 0).sum(axis=1) == n).all()


def test_is_the_formula():
    xy = np.random.default_rng(0).uniform(0, 100, (50, 2))
    distance = np.linalg.norm(xy[:, None] - xy, axis=2)
    scale = np.sort(distance, axis=1)[:, 1:7].mean(axis=1)
    weight = np.clip((1.6 - distance / scale[:, None]) / 0.3, 0, 1)
    weight = np.where(distance > 25, 0, np.maximum(weight, weight.T)) * (1 - np.eye(50))
    # The scale is of those neighbours that are near enough.
    full = np.sort(distance, axis=1)[:, 6] <= 25
    found = neighbour_graph(xy, 6, 25.0).toarray()
    assert full.sum() > 20
    np.testing.assert_allclose(found[np.ix_(full, full)], weight[np.ix_(full, full)], atol=1e-12)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("pitch", [30.0, 200.0])
@pytest.mark.parametrize("kind", ["square", "hexagonal", "tissue"])
def test_moving_and_rounding_hardly_change_it(kind, pitch):
    xy = lattice("square", 12, pitch) if kind == "tissue" else lattice(kind, 12, pitch)
    if kind == "tissue":
        xy += np.random.default_rng(0).normal(size=xy.shape) * pitch / 10
    before = neighbour_graph(xy, 6, np.inf)
    for places in moved(xy).values():
        change = np.abs(neighbour_graph(places, 6, np.inf) - before).max()
        assert change <= 1e-6 + 10 / pitch  # a pixel moves a distance by up to 1.4, of 0.3 spacings


@pytest.mark.parametrize(("n", "k"), [(1, 6), (2, 6), (5, 6), (5, 0)])
def test_few_spots_and_no_neighbours(n, k):
    graph = neighbour_graph(np.column_stack([np.arange(n), np.zeros(n)]) * 1.0, k, np.inf)
    assert graph.shape == (n, n)
    assert (graph.nnz > 0) == (n > 1 and k > 0)


def test_spots_at_one_place_are_neighbours():
    xy = np.repeat([[0.0, 0.0], [1.0, 0.0]], [30, 1], axis=0)
    graph = neighbour_graph(xy, 6, np.inf)
    assert graph.diagonal().sum() == 0
    assert set(np.unique(graph.data)) == {1.0}


def crowds():
    """Three spots at every place of a lattice, and forty at one beside it."""
    return np.vstack([np.repeat(lattice("hexagonal", 6, 100.0), 3, axis=0), np.full((40, 2), 333.0)])


def ring():
    """A spot with forty others that are equally far, and some tissue."""
    angle = np.arange(40) * np.pi / 20
    around = 1000 + 50 * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([lattice("square", 6, 40.0), [[1000.0, 1000.0]], around])


@pytest.mark.parametrize("k", [1, 6, 18])
@pytest.mark.parametrize("xy", [crowds(), ring()], ids=["crowds", "ring"])
def test_ties_beyond_what_is_looked_at_do_not_follow_the_order_of_spots(xy, k):
    graph = neighbour_graph(xy, k, np.inf)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(xy))
        found = neighbour_graph(xy[order], k, np.inf)
        np.testing.assert_allclose(found.toarray(), graph[order][:, order].toarray(), atol=1e-9)


def test_spots_at_one_place_have_the_same_neighbours():
    xy = crowds()
    one_each = neighbour_graph(np.unique(xy, axis=0), 6, np.inf).toarray()
    of = np.unique(xy, axis=0, return_inverse=True)[1].ravel()
    wanted = (one_each + np.eye(len(one_each)))[np.ix_(of, of)] - np.eye(len(xy))
    np.testing.assert_array_equal(neighbour_graph(xy, 6, np.inf).toarray(), wanted)


def test_too_many_spots_at_few_places_are_refused(monkeypatch):
    monkeypatch.setattr(_graph, "MAX_PAIRS", 2000)
    with pytest.raises(ValueError, match=r"148 spots lie at only 37 places, up to 40 at one, .*pseudospots"):
        neighbour_graph(crowds(), 6, np.inf)
    assert neighbour_graph(np.unique(crowds(), axis=0), 6, np.inf).nnz
