"""Small sections as arrays."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from spacrd.features import SectionArrays

GENES = tuple(f"g{i}" for i in range(5))
N_IMAGE = 4


def random_arrays(n: int = 30) -> SectionArrays:
    """Counts and an embedding without any structure, and no labels; ``random_model`` scores them."""
    rng = np.random.default_rng(0)
    return SectionArrays(
        "a",
        rng.uniform(0, 900, (n, 2)),
        1.0,
        csr_matrix(rng.poisson(2, (n, len(GENES))).astype(np.float32)),
        np.array(GENES),
        rng.normal(size=(n, N_IMAGE)).astype(np.float32),
        np.full(n, np.nan),
    )
