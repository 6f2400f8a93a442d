"""One simulated tissue as every platform measures it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spacrd.datasets._toy_counts import draw_counts, gene_names
from spacrd.datasets._toy_image import paint
from spacrd.datasets._toy_tissue import CLASSES, GRID_UM, IN_SITU, INVASIVE, OUTSIDE, TissueMap, grow_tissue

from .tissue import Measured

MARGIN_UM = 200.0
CANCER = [CLASSES[IN_SITU], CLASSES[INVASIVE]]


@dataclass(frozen=True)
class Simulated:
    """A tissue, its image, and measurements of it.

    Each instrument has a batch effect of its own: two of them agree about the tissue, not about the counts.
    """

    seed: int
    tissue: TissueMap
    image: np.ndarray
    mpp: float
    size_um: float
    genes: list[str]

    @classmethod
    def grow(cls, seed: int, size_um: float = 2400.0, mpp: float = 2.0, n_genes: int = 300) -> Simulated:
        layout, stain = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        tissue = grow_tissue(layout, size_um, size_um, tumour=True)
        pixels = int(size_um / mpp)
        return cls(seed, tissue, paint(stain, tissue, (pixels, pixels), mpp), mpp, size_um, gene_names(n_genes))

    @property
    def to_pixels(self) -> np.ndarray:
        return np.diag([1 / self.mpp, 1 / self.mpp, 1.0])

    def on_tissue(self, xy_um: np.ndarray) -> np.ndarray:
        column, row = (xy_um / GRID_UM).astype(int).T
        return self.tissue.classes[row, column] != OUTSIDE

    def labels(self, xy_um: np.ndarray) -> np.ndarray:
        """Class of the tissue at each place, by name."""
        return np.array(CLASSES, dtype=object)[self.tissue.fractions(xy_um, 22.0).argmax(axis=1)]

    def measure(self, xy_um: np.ndarray, array: np.ndarray, instrument: int, depth: float = 1.0) -> Measured:
        """What an instrument counts at the places on the tissue; ``depth`` is its share of the RNA of a spot."""
        kept = self.on_tissue(xy_um)
        rng = np.random.default_rng([self.seed, instrument])
        counts = draw_counts(rng, self.tissue, xy_um[kept], self.genes, batch=1.0)
        counts.data = rng.binomial(counts.data.astype(int), depth)
        counts.eliminate_zeros()
        return Measured(xy_um[kept], sparse.csr_matrix(counts), self.genes, array[kept] if len(array) else array)
