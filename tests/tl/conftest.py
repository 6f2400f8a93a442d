from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import spacrd


def make_section(seed: int, *, n: int = 90, n_genes: int = 40, image: bool = True, prefix: str = "g") -> ad.AnnData:
    """Spots on a grid, cancer on the left; the first ten genes and half of the image features tell."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    cancer = column < side / 2
    rate = np.full((n, n_genes), 2.0)
    rate[cancer, :10] *= 3
    table = ad.AnnData(
        csr_matrix(rng.poisson(rate).astype(np.float32)),
        obs=pd.DataFrame(
            {"pathologist": np.where(cancer, "invasive cancer", "stroma")}, index=[f"s{seed}_{i}" for i in range(n)]
        ),
        var=pd.DataFrame(index=[f"{prefix}{i}" for i in range(n_genes)]),
    )
    table.obsm["spatial"] = np.column_stack([column, row]) * 100.0
    if image:
        table.obsm["X_mine"] = (rng.normal(size=(n, 6)) + cancer[:, None] * [2, 2, 2, 0, 0, 0]).astype(np.float32)
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


SMALL = {
    "hidden": (32, 16),
    "width": 16,
    "heads": 2,
    "vae_hidden": (16, 8),
    "latent": 8,
}


def small_recipe(name: str = "default", **changes):
    from dataclasses import replace

    recipe = spacrd.model.RECIPES[name]
    return replace(recipe, network={**recipe.network, **SMALL}, **changes)


@pytest.fixture(scope="session")
def training_sections():
    return [make_section(1), make_section(2)]


@pytest.fixture(scope="session")
def both_model(training_sections):
    return spacrd.tl.fit(training_sections, "pathologist", positive="invasive cancer", recipe=small_recipe())


@pytest.fixture(scope="session")
def gene_model(training_sections):
    return spacrd.tl.fit(
        training_sections, "pathologist", positive="invasive cancer", modality="expression", recipe=small_recipe()
    )


@pytest.fixture
def target():
    return make_section(3)
