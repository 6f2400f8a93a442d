"""Small simulated sections as arrays: a round tumour, gene programs, an embedding, depth as it is wanted."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from spacrd.features import SectionArrays

N_GENES, MARKERS, DIM = 60, 6, 8
GENES = np.array([f"GENE{i}" for i in range(N_GENES)])
"""The first :data:`MARKERS` are higher in cancer, the next as many are lower."""


def toy(
    seed: int,
    *,
    side: int = 12,
    strength: float = 1.5,
    depth: float = 600.0,
    cancer_depth: float = 1.0,
    image: bool = True,
    expression: bool = True,
    tumour: bool = True,
    name: str | None = None,
) -> SectionArrays:
    """A section of ``side * side`` spots on a square lattice of 200 um with a round tumour.

    Parameters
    ----------
    seed
        Decides tumour, counts and embedding.
    strength
        log fold change of the markers, up and down, and shift of half the columns of the embedding; 0 for none.
    depth
        Mean counts of a spot.
    cancer_depth
        Depth of cancer spots relative to the others: the depth trap is ``strength=0, cancer_depth=2``.
    tumour
        Whether there is a tumour; if not, all spots are normal.
    """
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    xy = 200.0 * np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    centre = xy.mean(axis=0) + rng.uniform(-0.15, 0.15, 2) * side * 200
    cancer = (np.linalg.norm(xy - centre, axis=1) < 0.35 * side * 200) & tumour
    level = np.log(np.random.default_rng(1000).gamma(2.0, 1.0, N_GENES)) + rng.normal(0, 0.2, N_GENES)
    effect = np.zeros(N_GENES)
    effect[:MARKERS], effect[MARKERS : 2 * MARKERS] = strength, -strength
    rate = np.exp(level + effect * cancer[:, None] + rng.normal(0, 0.3, (len(xy), N_GENES)))
    size = depth * np.where(cancer, cancer_depth, 1.0) * rng.lognormal(0, 0.3, len(xy))
    counts = rng.poisson(size[:, None] * rate / rate.sum(axis=1, keepdims=True)).astype(np.float32)
    shift = strength * np.r_[np.ones(DIM // 2), np.zeros(DIM - DIM // 2)]
    vectors = rng.normal(0, 1, (len(xy), DIM)) + shift * cancer[:, None] + rng.normal(0, 0.2, DIM)
    return SectionArrays(
        name=name or f"toy_{seed}",
        xy=xy,
        um_per_unit=1.0,
        counts=csr_matrix(counts) if expression else None,
        genes=GENES if expression else None,
        image=vectors.astype(np.float32) if image else None,
        target=cancer.astype(np.float32),
    )


def auc(section: SectionArrays, score: np.ndarray) -> float:
    """Area under the ROC curve of a score against the section's target."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(section.target == 1, score))
