"""Small scored objects, built by hand in the shape that spacrd.tl.score leaves them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData


def add_scores(table: AnnData, section: str, seed: int = 0) -> None:
    """Likelihoods of one section that is cancer on its right half, good but not perfect."""
    rng = np.random.default_rng(seed)
    x = table.obsm["spatial"][:, 0]
    cancer = x > x.mean()
    p = 1 / (1 + np.exp(-rng.normal(np.where(cancer, 1.5, -1.5), 1.0)))
    table.obs["label"] = np.where(cancer, "invasive", "stroma")
    table.obs["spacrd_likelihood"] = p.astype(np.float32)
    table.obs["spacrd_region"] = pd.Categorical(np.where(p >= 0.5, "cancer", "normal"), ["normal", "cancer"])
    report = {
        "threshold": 0.5,
        "threshold_method": "gmm",
        "mixture_means": np.array([-1.5, 1.5]),
        "mixture_sds": np.array([1.0, 1.0]),
        "mixture_weights": np.array([0.5, 0.5]),
        "n_scored": table.n_obs,
        "modality": "both",
        "gene_coverage": 1.0,
    }
    table.uns["spacrd"] = {"spacrd": {"sections": {section: report}}}


def scored_adata(n: int = 120, *, libraries: tuple[str, ...] = ("one",), image: bool = False, seed: int = 0) -> AnnData:
    """Sections of ``n`` spots each, 20 units apart on a grid."""
    side = int(np.ceil(np.sqrt(n)))
    parts, reports, spatial = [], {}, {}
    for i, name in enumerate(libraries):
        obs = pd.DataFrame({"library": name}, index=[f"{name}-{j}" for j in range(n)])
        part = AnnData(np.ones((n, 2), dtype=np.float32), obs=obs)
        part.obsm["spatial"] = np.stack([np.arange(n) % side, np.arange(n) // side], axis=1) * 20.0 + 30.0
        add_scores(part, name, seed + i)
        parts.append(part)
        reports |= part.uns["spacrd"]["spacrd"]["sections"]
        size = side * 10 + 20
        spatial[name] = {
            "images": {"hires": np.random.default_rng(i).integers(150, 255, (size, size, 3), dtype=np.uint8)},
            "scalefactors": {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 12.0},
        }
    adata = ad.concat(parts)
    adata.uns["spacrd"] = {"spacrd": {"library_key": "library", "sections": reports}}
    if image:
        adata.uns["spatial"] = spatial
    return adata
