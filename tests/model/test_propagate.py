from __future__ import annotations

import numpy as np
import pytest

from spacrd.features._graph import neighbour_graph
from spacrd.model._propagate import propagate

ALL = np.ones(100, dtype=bool)


def graph_of(xy: np.ndarray):
    return neighbour_graph(xy, 6, np.inf)


@pytest.fixture
def grid():
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.arange(100), 10)
    xy = np.column_stack([column, row]) * 100.0 + rng.normal(size=(100, 2)) * 15
    return xy, graph_of(xy), rng.normal(size=100)


def dense(score, graph, usable, share):
    """The formula as it stands, with dense matrices."""
    weight = graph.toarray() * usable[:, None] * usable
    total = weight.sum(1)
    walk = weight / np.maximum(total, 1)[:, None]
    own = 1 - share * np.minimum(total, 1)
    found = np.linalg.solve(np.eye(len(score)) - share * walk, own * np.where(usable, score, 0.0))
    return np.where(usable, found, score)


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95])
def test_is_the_solution_of_the_linear_system(grid, share):
    _, graph, score = grid
    usable = ALL.copy()
    usable[[3, 40, 41]] = False
    found = propagate(score, graph, usable, share)
    np.testing.assert_allclose(found, dense(score, graph, usable, share), atol=1e-5)
    np.testing.assert_array_equal(found[~usable], score[~usable])


def test_nothing_to_propagate_changes_nothing(grid):
    _, graph, score = grid
    np.testing.assert_array_equal(propagate(score, graph, ALL, 0.0), score)
    np.testing.assert_array_equal(propagate(score, graph, ~ALL, 0.8), score)
    np.testing.assert_allclose(propagate(score, graph * 0, ALL, 0.8), score)


def test_equal_scores_stay_equal(grid):
    np.testing.assert_allclose(propagate(np.full(100, 0.3), grid[1], ALL, 0.8), 0.3)


def test_noise_shrinks_and_regions_stay(grid):
    xy, graph, noise = grid
    region = np.where(xy[:, 0] < 450, 2.0, -2.0)
    found = propagate(region + noise, graph, ALL, 0.8)
    inside = np.abs(xy[:, 0] - 450) > 200
    assert (np.sign(found) == np.sign(region))[inside].all()
    assert np.abs(found - region)[inside].std() < np.abs(noise)[inside].std()


def test_order_of_spots_does_not_matter(grid):
    xy, graph, score = grid
    order = np.random.default_rng(1).permutation(100)
    one = propagate(score, graph, ALL, 0.8)
    two = propagate(score[order], graph_of(xy[order]), ALL, 0.8)
    np.testing.assert_allclose(two, one[order], atol=1e-6)


def test_weak_neighbours_hardly_change_a_score(grid):
    """Without a jump between a neighbour of little weight and none."""
    _, graph, score = grid
    np.testing.assert_allclose(propagate(score, graph * 1e-6, ALL, 0.8), score, atol=1e-4)
