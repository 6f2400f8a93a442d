from __future__ import annotations

import numpy as np
import pytest

from spacrd.features._neighbours import neighbourhoods
from tests.making.turns import lattice, moved, turned


def hexagons(n=12):
    row, column = np.divmod(np.arange(n * n), n)
    return np.column_stack([100.0 * column + 50.0 * (row % 2), 86.6 * row])


def test_six_hexagonal_neighbours_and_itself_first():
    xy = hexagons()
    index, mask = neighbourhoods(xy, 6)
    assert index.shape == mask.shape == (144, 7)
    assert mask.all()
    np.testing.assert_array_equal(index[:, 0], np.arange(144))
    inner = 5 * 12 + 5
    assert np.linalg.norm(xy[index[inner, 1:]] - xy[inner], axis=1).max() < 101


def test_row_order_does_not_matter_even_with_ties():
    xy = hexagons()
    xy[7] = xy[8]  # two spots at one place
    index, _ = neighbourhoods(xy, 6)
    order = np.random.default_rng(0).permutation(len(xy))
    shuffled, _ = neighbourhoods(xy[order], 6)
    back = np.argsort(order)
    unique = np.setdiff1d(np.arange(len(xy)), [7, 8])
    for i in unique:
        one = {tuple(p) for p in xy[index[i]]}
        two = {tuple(p) for p in xy[order][shuffled[back[i]]]}
        assert one == two


@pytest.mark.parametrize("places", [1, 20, 60])
def test_row_order_does_not_matter_among_spots_at_one_place(places):
    rng = np.random.default_rng(2)
    xy = hexagons()[rng.integers(places, size=120)]
    contents = rng.normal(size=120)
    index, mask = neighbourhoods(xy, 6, contents=contents)
    order = rng.permutation(120)
    shuffled, hidden = neighbourhoods(xy[order], 6, contents=contents[order])
    np.testing.assert_array_equal(order[shuffled], index[order])
    np.testing.assert_array_equal(hidden, mask[order])


def test_twins_keep_themselves_first():
    xy = np.zeros((30, 2))
    index, mask = neighbourhoods(xy, 6)
    np.testing.assert_array_equal(index[:, 0], np.arange(30))
    assert mask.all()


@pytest.mark.filterwarnings("error")
def test_where_every_spot_has_a_twin_the_nearest_are_still_taken():
    xy = np.repeat(hexagons(), 2, axis=0)
    index, mask = neighbourhoods(xy, 6)
    assert mask.all()
    away = np.linalg.norm(xy[index] - xy[:, None], axis=2)
    assert (np.sort(away, axis=1)[:, :2] == 0).all()  # the spot and its twin
    assert away.max() < 175  # in a corner the third nearest place is that far


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_small_sections_are_padded(n):
    index, mask = neighbourhoods(np.arange(2.0 * n).reshape(n, 2), 6)
    assert index.shape == (n, 7)
    np.testing.assert_array_equal(mask.sum(axis=1), n)
    assert ((index >= 0) & (index < n)).all()


def test_far_spots_are_not_neighbours():
    xy = np.array([[0.0, 0.0], [1.0, 0.0], [50.0, 0.0]])
    index, mask = neighbourhoods(xy, 2, max_distance=2.0)
    np.testing.assert_array_equal(mask.sum(axis=1), [2, 2, 1])
    assert index[2].tolist() == [2, 2, 2]


def test_rotation_and_shift_do_not_matter_without_ties():
    xy = np.random.default_rng(1).uniform(0, 1000, (80, 2))
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_array_equal(neighbourhoods(xy, 6)[0], neighbourhoods(xy @ turn.T + 77, 6)[0])


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("twins", [1, 3])
def test_the_unit_of_the_coordinates_does_not_matter(unit, twins):
    xy = np.random.default_rng(3).uniform(0, 1, (60, 2)).repeat(twins, axis=0)
    index, mask = neighbourhoods(xy, 6)
    scaled, hidden = neighbourhoods(xy * unit, 6)
    np.testing.assert_array_equal(scaled, index)
    np.testing.assert_array_equal(hidden, mask)


@pytest.mark.parametrize("n_neighbors", [0, 1, 2, 8])
def test_neighbours_are_the_nearest_each_once(n_neighbors):
    rng = np.random.default_rng(4)
    xy = rng.integers(0, 12, (70, 2)) * 1.0  # some at one place
    index, mask = neighbourhoods(xy, n_neighbors)
    assert mask.all()
    away = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    for spot, row in enumerate(index):
        assert row[0] == spot and len(set(row)) == n_neighbors + 1
        np.testing.assert_array_equal(away[spot, row], np.sort(away[spot])[: n_neighbors + 1])


def test_a_spot_alone_and_spots_at_the_farthest_distance():
    index, mask = neighbourhoods(np.zeros((1, 2)), 2)
    assert index.tolist() == [[0, 0, 0]] and mask.tolist() == [[True, False, False]]
    _, mask = neighbourhoods(np.array([[0.0, 0.0], [100.0, 0.0], [201.0, 0.0]]), 2, max_distance=100.0)
    np.testing.assert_array_equal(mask.sum(axis=1), [2, 2, 1])


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize("pitch", [30.0, 100.0, 333.3])
@pytest.mark.parametrize("n_neighbors", [1, 4, 6, 8])
def test_ties_turn_with_the_section_also_in_whole_pixels(kind, pitch, n_neighbors):
    xy = lattice(kind, 20, pitch)
    contents = np.random.default_rng(0).normal(size=400)
    index, _ = neighbourhoods(xy, n_neighbors, contents=contents)
    for name, places in moved(xy).items():
        other, mask = neighbourhoods(places, n_neighbors, contents=contents)
        assert mask.all()
        others = (np.sort(other[:, 1:]) != np.sort(index[:, 1:])).any(axis=1)
        assert others.mean() <= (0.01 if pitch < 50 else 0.0), (
            name
        )  # coarse pixels blur the second distances of a border


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
def test_contents_choose_only_among_equally_far_spots(kind):
    xy = lattice(kind, 12, 100.0)
    index, _ = neighbourhoods(xy, 6, contents=np.random.default_rng(1).normal(size=144))
    away = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.testing.assert_allclose(np.take_along_axis(away, index, axis=1), np.sort(away)[:, :7], atol=1e-9)


def test_what_is_chosen_among_equally_far_spots_follows_their_contents():
    xy = lattice("square", 5, 1.0)
    contents = np.arange(25.0)
    index, _ = neighbourhoods(xy, 6, contents=contents)
    assert set(index[12]) == {12, 7, 11, 13, 17, 6, 8}  # two of the four diagonals: those of the lowest contents
    index, _ = neighbourhoods(xy, 6, contents=-contents)
    assert set(index[12]) == {12, 7, 11, 13, 17, 16, 18}


@pytest.mark.parametrize("degrees", [0, 15, 33])
def test_neighbours_at_the_largest_distance_stay_when_the_section_is_turned(degrees):
    xy = turned(lattice("square", 9, 300.0), degrees)
    for places in (xy, np.round(xy)):
        assert neighbourhoods(places, 6, max_distance=300.0)[1].sum() == 81 + 4 * 72
