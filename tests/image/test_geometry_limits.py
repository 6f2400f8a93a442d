"""Where one answer turns into the other: slips that mutation testing showed the other tests to miss."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from spacrd.image import check_placement, find_scale, fit_similarity
from tests.making.grids import scale_of, squares
from tests.making.image_sections import hexagons

SEEN = r"spots span x -?\d+ to \d+ and y -?\d+ to \d+ px, while the image is 100 px wide and 100 px high"


def silent(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


def test_what_each_source_said_is_kept():
    scale = silent(lambda: scale_of(hexagons(pitch=60), spot_diameter=40.0, stated={"file": (1.7, "a file")}))
    assert scale.details == pytest.approx({"file": 1.7, "lattice": 100 / 60, "diameter": 65 / 40})
    assert (scale.um_per_unit, scale.source) == (1.7, "a file")


@pytest.mark.parametrize(("ratio", "said"), [(0.6, True), (0.84, False), (1.19, False), (1.25, True)])
def test_two_sources_may_differ_by_a_fifth(ratio, said):
    # The names of the sources stand in the warning: see test_sources_that_disagree_warn_with_both_numbers.
    spots = hexagons(pitch=60)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        scale_of(spots, mpp=ratio * 100 / 60)
    assert [("pass `mpp` if it is wrong" in str(warning.message)) for warning in heard] == [True] * said


@pytest.mark.parametrize(("apart_um", "said"), [(50, True), (90, False), (110, False), (130, True), (180, True)])
def test_a_diameter_alone_is_that_of_visium_only_at_its_pitch(apart_um, said):
    xy = hexagons(pitch=apart_um / 0.5)[["x", "y"]].to_numpy()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert find_scale(xy, spot_diameter=130.0).um_per_unit == pytest.approx(0.5)
    assert [f"{apart_um} um apart" in str(warning.message) for warning in heard] == [True] * said


def test_one_axis_of_an_array_is_no_array():
    spots = hexagons(pitch=60)
    xy = spots[["x", "y"]].to_numpy()
    with pytest.raises(ValueError, match="no array lattice"):
        find_scale(xy, array_row=spots["array_row"].to_numpy())


def test_of_two_spots_a_scale_is_found_and_of_one_none():
    spots = hexagons(pitch=60)
    assert scale_of(spots.iloc[:2]).um_per_unit == pytest.approx(100 / 60)
    with pytest.raises(ValueError, match="no array lattice"):
        scale_of(spots.iloc[:1])


def test_the_argument_tells_spots_of_visium_from_those_of_st():
    xy = np.zeros((3, 2))
    assert find_scale(xy, spot_diameter=65.0, mpp=1.0).spot_um == 65
    assert find_scale(xy, spot_diameter=50.0, mpp=2.0).spot_um == 100
    assert np.isnan(find_scale(xy, mpp=2.0).spot_um)


def test_squares_that_are_not_st_are_not_taken_for_it():
    # Legacy ST: spots of 100 um, 200 um apart.
    for diameter in (12.0, 32.0):
        with pytest.raises(ValueError, match="cannot be found"):
            scale_of(squares(pitch=40), spot_diameter=diameter)
    scale = scale_of(squares(pitch=30), bin_um=16.0)
    assert scale.source == "array lattice (bins of 16 um)" and scale.spot_um == 16


@pytest.mark.parametrize(("degrees", "flip", "said"), [(0, True, False), (90, True, True), (90, False, False)])
def test_only_spots_mirrored_at_the_diagonal_look_swapped(degrees, flip, said):
    spots = hexagons(pitch=60)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spots[["x", "y"]] = spots[["x", "y"]].to_numpy() @ (turn @ np.diag([1, -1]) if flip else turn).T
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        scale_of(spots)
    assert ["swapped" in str(warning.message) for warning in heard] == [True] * said


def test_a_fit_goes_by_the_many_and_refuses_what_is_no_lattice():
    grid = np.argwhere(np.ones((8, 8))).astype(float)
    xy = 10 * grid + [300, -70]
    xy[:6] += 400.0
    scale, residual, turn = fit_similarity(grid, xy)
    assert scale == pytest.approx(10) and residual < 1e-6
    np.testing.assert_allclose(turn, np.eye(2), atol=1e-9)
    assert fit_similarity(grid, np.random.default_rng(0).permutation(xy)) is None
    assert fit_similarity(grid, np.ones_like(grid)) is None


def test_more_than_half_on_the_image_is_enough():
    on, off = np.full((6, 2), 50.0), np.full((5, 2), 300.0)
    assert check_placement(np.concatenate([on, off]), 100, 100).tolist() == [True] * 6 + [False] * 5
    with pytest.raises(ValueError, match=r"about 3 times as large: " + SEEN):
        check_placement(np.concatenate([on[:5], off]), 100, 100)


def test_the_border_is_on_the_image():
    assert check_placement(np.array([[0, 0], [100, 50], [0.5, 50]], float), 50, 100).all()


def test_a_strip_beside_the_image_is_no_larger_image():
    # Far off along x alone: an alignment, not a scale.
    points = np.column_stack([np.linspace(150, 400, 20), np.linspace(10, 60, 20)])
    with pytest.raises(ValueError, match="lie off the image: " + SEEN):
        check_placement(points, 100, 100)
