from __future__ import annotations

import numpy as np
import pytest

from spacrd.features._neighbours import neighbourhoods
from spacrd.model._propagate import propagate


@pytest.fixture
def grid():
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.arange(100), 10)
    xy = np.column_stack([column, row]) * 100.0
    return xy, *neighbourhoods(xy, 6), rng.normal(size=100)


def dense(score, neighbours, mask, usable, share):
    """The formula as it stands, with dense matrices."""
    n = len(score)
    graph = np.zeros((n, n))
    for i in range(n):
        for j, real in zip(neighbours[i, 1:], mask[i, 1:], strict=True):
            if real and usable[i] and usable[j]:
                graph[i, j] = graph[j, i] = 1
    degree = graph.sum(1)
    walk = np.divide(graph, degree[:, None], out=np.zeros_like(graph), where=degree[:, None] > 0)
    found = np.linalg.solve(np.eye(n) - share * walk, (1 - share) * np.where(usable, score, 0.0))
    return np.where(usable & (degree > 0), found, score)


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95])
def test_is_the_solution_of_the_linear_system(grid, share):
    _, neighbours, mask, score = grid
    usable = np.ones(100, dtype=bool)
    usable[[3, 40, 41]] = False
    found = propagate(score, neighbours, mask, usable, share)
    np.testing.assert_allclose(found, dense(score, neighbours, mask, usable, share), atol=1e-5)
    np.testing.assert_array_equal(found[~usable], score[~usable])


def test_nothing_to_propagate_changes_nothing(grid):
    _, neighbours, mask, score = grid
    np.testing.assert_array_equal(propagate(score, neighbours, mask, np.ones(100, bool), 0.0), score)
    np.testing.assert_array_equal(propagate(score, neighbours, mask, np.zeros(100, bool), 0.8), score)
    alone = np.zeros_like(mask)
    alone[:, 0] = True
    np.testing.assert_allclose(propagate(score, neighbours, alone, np.ones(100, bool), 0.8), score)


def test_equal_scores_stay_equal(grid):
    _, neighbours, mask, _ = grid
    np.testing.assert_allclose(propagate(np.full(100, 0.3), neighbours, mask, np.ones(100, bool), 0.8), 0.3)


def test_noise_shrinks_and_regions_stay(grid):
    xy, neighbours, mask, noise = grid
    region = np.where(xy[:, 0] < 450, 2.0, -2.0)
    found = propagate(region + noise, neighbours, mask, np.ones(100, bool), 0.8)
    inside = np.abs(xy[:, 0] - 450) > 200
    assert (np.sign(found) == np.sign(region))[inside].all()
    assert np.abs(found - region)[inside].std() < np.abs(noise)[inside].std()


def test_order_of_spots_does_not_matter(grid):
    xy, neighbours, mask, score = grid
    order = np.random.default_rng(1).permutation(100)
    one = propagate(score, neighbours, mask, np.ones(100, bool), 0.8)
    two = propagate(score[order], *neighbourhoods(xy[order], 6), np.ones(100, bool), 0.8)
    np.testing.assert_allclose(two, one[order], atol=1e-6)
