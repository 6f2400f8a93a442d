"""Quantile scaling withstands single spots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from spacrd.features import scale


@pytest.mark.parametrize("sparse", [True, False])
def test_quantile_scaling_is_not_set_by_one_spot(sparse):
    values = np.random.default_rng(0).poisson(3, (200, 5)).astype(np.float32)
    spiked = values.copy()
    spiked[7, 2] = 1000
    every, valid = np.arange(200), np.ones(200, dtype=bool)
    as_is = csr_matrix if sparse else np.asarray
    one, two = (scale(as_is(x), "quantile", valid).rows(every) for x in (values, spiked))
    others = every != 7
    np.testing.assert_allclose(one[others], two[others], atol=0.05)
    assert one.min() == 0
    assert one.max() == 1
    spiked_minmax = scale(as_is(spiked), "minmax", valid).rows(every)
    assert spiked_minmax[others, 2].max() < 0.02
