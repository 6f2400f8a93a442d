"""Grids finer than the spots."""

from __future__ import annotations

import numpy as np

from spacrd.rivals._superpixels import SuperPixels, spot_pitch
from tests.rivals.cell_types import lattice


def test_the_pitch_is_the_distance_of_the_lattice() -> None:
    assert spot_pitch(lattice(5)) == 200.0
    assert spot_pitch(np.zeros((1, 2))) == 1.0


def test_the_grid_covers_the_spots_and_no_hole_in_the_tissue() -> None:
    xy = lattice(9)
    hole = np.linalg.norm(xy - xy.mean(axis=0), axis=1) > 500
    grid = SuperPixels.cover(xy[hole], 50.0)
    assert np.linalg.norm(grid.points - xy.mean(axis=0), axis=1).min() > 300
    assert len(grid.points) == grid.mask.sum()
    near = np.linalg.norm(grid.points[:, None] - xy[hole][None], axis=-1)
    assert near.min(axis=1).max() <= 200 and near.min(axis=0).max() <= 50


def test_a_superpixel_at_a_spot_has_its_value_and_one_between_two_spots_their_mean() -> None:
    xy = np.array([[0.0, 0.0], [200.0, 0.0], [0.0, 200.0], [200.0, 200.0], [400.0, 0.0], [400.0, 200.0]])
    grid = SuperPixels(np.array([[0.0, 0.0], [100.0, 0.0]]), np.ones((1, 2), dtype=bool), 50.0, 200.0)
    found = grid.impute(xy, np.array([[1.0], [3.0], [90.0], [90.0], [90.0], [90.0]]), 2)
    np.testing.assert_allclose(found.ravel(), [1.0, 2.0], atol=1e-4)


def test_discs_hold_what_lies_within_the_radius_and_never_nothing() -> None:
    points = np.array([[0.0, 0.0], [10.0, 0.0], [100.0, 0.0], [300.0, 0.0]])
    grid = SuperPixels(points, np.ones((2, 2), dtype=bool), 10.0, 100.0)
    xy = np.array([[4.0, 0.0], [260.0, 0.0]])
    index, number = grid.discs(xy, 20.0)
    assert index.tolist() == [0, 1, 3] and number.tolist() == [2, 1]
    np.testing.assert_allclose(grid.disc_means(xy, np.array([1.0, 2.0, 7.0, 9.0]), 20.0), [1.5, 9.0])
