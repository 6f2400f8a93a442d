"""The handcrafted encoder: sums along strips are the means and deviations that its names say."""

from __future__ import annotations

import numpy as np
import pytest

from spacrd.encoders import _handcrafted


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((3, 113, 115), dtype=np.float32)


def test_half_the_resolution_is_the_mean_of_four_pixels(image: np.ndarray) -> None:
    expected = image[:, :112, :114].reshape(3, 56, 2, 57, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(_handcrafted._half(image), expected, atol=1e-6)


def test_local_deviation_is_that_of_squares_of_seven_pixels(image: np.ndarray) -> None:
    square = 5.0 + 1e-3 * image[:, :112, :112]  # a large mean must not swallow a small deviation
    blocks = square.reshape(3, 16, 7, 16, 7).transpose(0, 1, 3, 2, 4).reshape(3, 16, 16, 49)
    np.testing.assert_allclose(_handcrafted._local_std(square), blocks.astype(float).std(axis=3), rtol=1e-2)


def test_shares_and_saturation_are_named_right() -> None:
    patches = np.full((2, 112, 112, 3), 255, np.uint8)
    patches[1, :28] = (255, 55, 105)
    found = dict(zip(_handcrafted.NAMES, _handcrafted.encode(patches).T, strict=True))
    np.testing.assert_allclose(found["white"], [1.0, 0.75])
    np.testing.assert_allclose(found["saturation_mean"], [0.0, 0.25 * 200 / 255], rtol=1e-6)
    np.testing.assert_allclose(found["green_mean"], [1.0, (0.75 * 255 + 0.25 * 55) / 255], rtol=1e-5)
