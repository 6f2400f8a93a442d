"""Small sections with counts, an embedding and labels, as a model is fitted on them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

LABEL = "pathologist"
"""The column of the labels."""
POSITIVE = "invasive cancer"


def make_section(seed: int, *, n: int = 90, n_genes: int = 40, image: bool = True, prefix: str = "g") -> ad.AnnData:
    """Spots on a grid, cancer on the left; the first ten genes and half of the image features tell.

    Odd and even seeds are two batches, so that a new section is no farther from one of each than they are from each
    other, and is scored without a warning.
    """
    rng = np.random.default_rng(seed)
    batch = 1 if seed % 2 else -1
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    cancer = column < side / 2
    rate = np.full((n, n_genes), 2.0)
    rate[cancer, :10] *= 3
    rate[:, -n_genes // 4 :] *= 1 + 0.15 * batch
    table = ad.AnnData(
        csr_matrix(rng.poisson(rate).astype(np.float32)),
        obs=pd.DataFrame({LABEL: np.where(cancer, POSITIVE, "stroma")}, index=[f"s{seed}_{i}" for i in range(n)]),
        var=pd.DataFrame(index=[f"{prefix}{i}" for i in range(n_genes)]),
    )
    table.obsm["spatial"] = np.column_stack([column, row]) * 100.0
    if image:
        table.obsm["X_mine"] = (
            rng.normal(size=(n, 6)) + cancer[:, None] * [2, 2, 2, 0, 0, 0] + batch * np.array([0, 0, 0, 0, 0, 0.4])
        ).astype(np.float32)
        table.uns["spacrd"] = {
            "X_mine": {
                "encoder": "mine",
                "revision": "",
                "weights_sha256": "",
                "patch_um": 55.0,
                "sections": {"section": {"patch_um": 55.0}},
            }
        }
    return table
