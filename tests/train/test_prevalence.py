"""Components of the classifier of the share of cancer: those of the singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from spacrd.train._prevalence import N_COMPONENTS, _components


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_components_are_those_of_the_decomposition(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    left, right = (np.linalg.qr(random.normal(size=(n, N_COMPONENTS)))[0] for n in shape)
    strong = (left * np.linspace(9, 3, N_COMPONENTS)) @ right.T
    design = (5 + strong + 0.01 * random.normal(size=shape)).astype(np.float32)
    expected = np.linalg.svd(design - design.mean(axis=0), full_matrices=False)[2][:N_COMPONENTS]
    cosines = np.abs((_components(design) * expected).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-3)


def test_fewer_spots_than_components_have_fewer() -> None:
    design = np.random.default_rng(0).normal(size=(7, 30)).astype(np.float32)
    assert _components(design).shape == (7, 30)
