"""Small sections as arrays."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from spacrd.features import EmbeddingRecord, SectionArrays

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


def labelled_arrays(
    seed: int, n_image: int = 6, embedding: EmbeddingRecord | None = None, side: int = 7
) -> SectionArrays:
    """Spots on a grid, cancer on the left, which counts and embedding tell."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(side**2), side)
    cancer = column < side / 2
    rate = np.where(cancer[:, None] & (np.arange(20) < 5), 6.0, 2.0)
    image = rng.normal(size=(side**2, n_image)) + 2 * cancer[:, None] * (np.arange(n_image) < 3)
    return SectionArrays(
        f"s{seed}",
        np.column_stack([column, row]) * 100.0,
        1.0,
        csr_matrix(rng.poisson(rate).astype(np.float32)),
        np.array([f"g{i}" for i in range(20)]),
        image.astype(np.float32),
        cancer.astype(np.float32),
        embedding or EmbeddingRecord("X_mine"),
    )
