from __future__ import annotations

import warnings

import numpy as np
import pytest

from spacrd.image import check_placement, find_scale
from tests.making.grids import scale_of, squares
from tests.making.image_sections import hexagons


@pytest.mark.parametrize("degrees", [0, 7, 90, 180])
def test_visium_lattice_gives_the_scale_however_the_image_is_turned(degrees):
    spots = hexagons(pitch=60)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spots[["x", "y"]] = spots[["x", "y"]].to_numpy() @ turn.T
    scale = scale_of(spots)
    assert scale.um_per_unit == pytest.approx(100 / 60, rel=1e-6)
    assert "lattice" in scale.source and "100 um" in scale.source
    assert scale.spot_um == 65


def test_lattice_survives_filtering_noise_and_misplaced_spots():
    spots = hexagons(pitch=60).sample(frac=0.3, random_state=0)
    rng = np.random.default_rng(0)
    spots[["x", "y"]] += rng.normal(0, 1.0, (len(spots), 2))
    spots.iloc[0, 2:] += 300
    spots.iloc[1, 2:] = np.nan
    assert scale_of(spots).um_per_unit == pytest.approx(100 / 60, rel=0.02)


def test_a_single_row_of_spots_is_enough():
    spots = hexagons(pitch=60)
    assert scale_of(spots[spots["array_row"] == 0]).um_per_unit == pytest.approx(100 / 60, rel=1e-6)


def test_legacy_st_lattice_has_a_200_um_pitch():
    scale = scale_of(squares(pitch=40), spot_diameter=20.0)
    assert scale.um_per_unit == pytest.approx(5.0)
    assert scale.spot_um == 100 and "200 um" in scale.source


def test_bins_have_the_pitch_their_name_says():
    assert scale_of(squares(pitch=30), spot_diameter=30.0, bin_um=8.0).um_per_unit == pytest.approx(8 / 30)


def test_diameter_is_used_without_a_lattice_and_argument_beats_all():
    spots = hexagons(pitch=60)
    xy = spots[["x", "y"]].to_numpy()
    with pytest.warns(UserWarning, match="taken as 65 um, that of Visium; then the spots are 30 um apart"):
        assert find_scale(xy, spot_diameter=130.0).um_per_unit == pytest.approx(0.5)
    scale = scale_of(spots, spot_diameter=39.0, mpp=1.7)
    assert scale.um_per_unit == 1.7 and "argument" in scale.source
    assert find_scale(xy, mpp=0.5, pixels_per_unit=0.25).um_per_unit == pytest.approx(0.125)


def test_sources_that_disagree_warn_with_both_numbers():
    with pytest.warns(UserWarning, match=r"1\.667.*0\.8333"):
        scale_of(hexagons(pitch=60), spot_diameter=78.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scale_of(hexagons(pitch=60), spot_diameter=39.0)
        find_scale(np.zeros((3, 2)), spot_diameter=100.0, mpp=1.0)


@pytest.mark.parametrize("mpp", [0.05, 50, -1, np.nan, np.inf])
def test_impossible_arguments_are_refused(mpp):
    with pytest.raises(ValueError, match=r"0\.05 to 50"):
        find_scale(np.zeros((3, 2)), mpp=mpp)


def test_impossible_results_and_missing_sources_are_refused():
    with pytest.raises(ValueError, match="um per image pixel"):
        find_scale(np.zeros((3, 2)), spot_diameter=5000.0)
    with pytest.raises(ValueError, match="`mpp`"):
        find_scale(np.zeros((3, 2)))
    with pytest.raises(TypeError, match="mpp"):
        find_scale(np.zeros((3, 2)), mpp="0.5")


def test_transposed_spots_are_pointed_out():
    spots = hexagons(pitch=60)
    spots[["x", "y"]] = spots[["y", "x"]].to_numpy()
    with pytest.warns(UserWarning, match="swapped"):
        scale_of(spots)


def test_swapped_scaled_and_distant_spots_are_refused_each_with_its_reason():
    rng = np.random.default_rng(0)
    good = rng.uniform([0, 500], [400, 1000], (50, 2))
    assert check_placement(good, 1000, 400).all()
    with pytest.raises(ValueError, match="swapped"):
        check_placement(good[:, ::-1], 1000, 400)
    with pytest.raises(ValueError, match=r"times as large.*hires"):
        check_placement(rng.uniform(300, 4000, (50, 2)), 400, 400)
    with pytest.raises(ValueError, match="lie off the image"):
        check_placement(good - 2000, 1000, 400)
    with pytest.raises(ValueError, match="finite"):
        check_placement(good * np.nan, 1000, 400)


def test_single_spots_off_the_image_are_reported_not_refused():
    points = np.array([[10, 10], [50, 50], [20, 90], [-5, 10], [np.nan, 3]], float)
    assert check_placement(points, 100, 100).tolist() == [True, True, True, False, False]
