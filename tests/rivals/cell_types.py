"""Sections whose truth is known: spots of a new cell type, or spots that are only deeper, among normal ones."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from spacrd.features import SectionArrays

N_GENES = 80
GENES = np.array([f"gene{i}" for i in range(N_GENES)])
"""The first is half of all counts of every cell type, the last are high in the new cell type alone."""
NEW_TYPE_GENES = GENES[-8:]


def lattice(side: int) -> np.ndarray:
    """Square lattice of 200 um, (side^2, 2)."""
    return np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2) * 200.0


def section(
    name: str,
    seed: int,
    *,
    side: int = 16,
    share: float = 0.05,
    new_type: bool = True,
    depth_factor: float = 1.0,
    depth: float = 1000.0,
    region: bool = False,
) -> SectionArrays:
    """Two normal cell types side by side, and positives among them.

    Parameters
    ----------
    name, seed
        Name, and what the noise comes from; the cell types are the same in all sections.
    side
        Spots along a side.
    share
        Share of positives.
    new_type
        Whether positives are of a cell type of their own; else they have the profile of the spots beside them.
    depth_factor
        How many times the counts of the others the positives have.
    depth
        Mean counts of a normal spot.
    region
        Whether the positives lie together, and not at random.
    """
    types = np.random.default_rng(7).gamma(0.5, 1.0, size=(3, N_GENES)) + 0.02
    types[:2, -8:] = 0.05
    types[2, -8:] = 4.0
    types[:, 0] = types[:, 1:].sum(axis=1)
    types /= types.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    xy = lattice(side)
    n = len(xy)
    mix = 1 / (1 + np.exp((xy[:, 0] - xy[:, 0].mean()) / 400.0))[:, None]
    profile = mix * types[0] + (1 - mix) * types[1]
    positive = np.zeros(n, dtype=bool)
    if region:
        centre = xy.mean(axis=0)
        positive[np.argsort(np.linalg.norm(xy - centre, axis=1))[: round(share * n)]] = True
    else:
        positive[rng.choice(n, round(share * n), replace=False)] = True
    if new_type:
        profile[positive] = 0.3 * profile[positive] + 0.7 * types[2]
    counts = rng.poisson(profile * np.where(positive, depth_factor, 1.0)[:, None] * depth)
    # What a patch would show: the mixture of cell types, blurred.
    seen = np.hstack([mix, 1 - mix, positive[:, None] * float(new_type)])
    image = seen @ np.random.default_rng(8).normal(size=(3, 12)) + 0.3 * rng.normal(size=(n, 12))
    return SectionArrays(
        name, xy, 1.0, csr_matrix(counts.astype(np.float32)), GENES, image.astype(np.float32), positive.astype(float)
    )


def depth_trap(name: str, seed: int, **options: object) -> SectionArrays:
    """Positives of the same profile and twice the counts."""
    return section(name, seed, new_type=False, depth_factor=2.0, **{"share": 0.2, **options})
