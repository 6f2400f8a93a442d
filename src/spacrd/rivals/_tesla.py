"""TESLA: super-pixels of marker expression, segmented without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import numpy as np

from .._checks import check_choice
from ..features import SectionArrays
from ._card import RivalCard
from ._interface import RivalScore
from ._registry import Entry
from ._superpixels import SuperPixels
from ._tissue_markers import TRAINING, check_markers, find_markers, marker_counts

TARGET_SHARE = {"small": 1 / 2, "large": 1 / 3}
"""Share of the best cluster's signal from which a cluster is tumour."""
MIN_SIZE = 0.001
"""Smallest cluster as a share of the squared short side: 1000 pixels of an image of 1000 pixels in the program."""
LOWEST = float(np.log(2))
"""Signals up to this are set to 0: a rule for log counts that the program applies to values between 0 and 1."""


@dataclass(frozen=True)
class Tesla:
    """Score spots by the marker signal of the cluster of super-pixels that they lie in.

    Parameters
    ----------
    markers
        A list of genes; ``"breast"`` or ``"pancreas"`` for a fixed list; ``"training"`` for the genes that differ most
        between cancer and normal spots of the training sections.
    n_markers
        How many genes to take from the training sections.
    num_required
        The signal of a super-pixel is the least of so many strongest markers.
    n_nearest
        Spots that a super-pixel is an average of.
    side
        Super-pixels along the short side of the section.
    target
        ``"small"`` calls clusters of at least half the best cluster's signal, ``"large"`` of a third.
    channels, max_rounds, min_clusters, learning_rate
        Width and training of the network, by default as the program.
    spot_diameter
        Diameter of a spot as a share of the distance between spots.
    """

    markers: str | Sequence[str] = "breast"
    _: KW_ONLY
    n_markers: int = 10
    num_required: int = 1
    n_nearest: int = 10
    side: int = 200
    target: str = "small"
    channels: int = 100
    max_rounds: int = 30
    min_clusters: int = 30
    learning_rate: float = 0.1
    spot_diameter: float = 0.5

    def __post_init__(self) -> None:
        check_choice(self.target, TARGET_SHARE, "target")
        object.__setattr__(self, "markers", check_markers(self.markers))

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedTesla:
        """Choose the markers; the rest is learned on the scored section."""
        return FittedTesla(self, find_markers(self.markers, sections, self.n_markers), seed)


class FittedTesla:
    """Markers and options."""

    def __init__(self, options: Tesla, markers: tuple[str, ...], seed: int) -> None:
        self.options, self.markers, self.seed = options, markers, seed

    def score(self, section: SectionArrays) -> RivalScore:
        """Marker signal of the clusters under each spot; from the threshold on, they are target clusters."""
        from ._tesla_network import segment

        options, xy = self.options, section.xy
        logged = np.log1p(marker_counts(section, self.markers))
        extent = float((xy.max(axis=0) - xy.min(axis=0)).min())
        grid = SuperPixels.cover(xy, max(extent, 1e-9) / options.side if extent else 1.0)
        signal = _signal(grid.impute(xy, logged, options.n_nearest), options.num_required)
        band = np.zeros(grid.mask.shape, dtype=np.float32)
        band[grid.mask] = signal
        clusters = segment(
            band,
            grid.mask,
            channels=options.channels,
            max_rounds=options.max_rounds,
            min_clusters=options.min_clusters,
            min_size=MIN_SIZE * min(grid.mask.shape) ** 2,
            learning_rate=options.learning_rate,
            seed=self.seed,
        )
        number = np.bincount(clusters)
        mean = np.bincount(clusters, weights=signal) / np.maximum(number, 1)
        score = grid.disc_means(xy, mean[clusters], options.spot_diameter * grid.pitch / 2)
        return RivalScore(
            score, threshold=float(TARGET_SHARE[options.target] * mean.max()), note=", ".join(self.markers)
        )


def _signal(expression: np.ndarray, num_required: int) -> np.ndarray:
    """Pool markers of super-pixels, (m, genes) to (m,) float32 between 0 and 1."""
    low, high = expression.min(axis=0), expression.max(axis=0)
    scaled = (expression - low) / np.where(high > low, high - low, 1.0)
    pooled = np.sort(scaled, axis=1)[:, -min(num_required, scaled.shape[1])]
    pooled = np.where(pooled > LOWEST, pooled, 0.0)
    return (pooled / (pooled.max() or 1.0)).astype(np.float32)


_CARD: dict[str, Any] = {
    "modality": "expression",
    "paper": "Hu et al., Cell Systems 2023",
    "repository": "https://github.com/jianhuupenn/TESLA",
    "licence": "MIT",
    "transductive": True,
    "seeded": True,
    "adapted": "Sections hold no pixels here: the grey band and the colours of super-pixels are left out, and the "
    "tissue is all that lies within one pitch of a spot. The grid has 200 super-pixels along the short side; the "
    "program paints super-pixels of 50 pixels into an image of 1000. The score is the marker signal of the cluster "
    "under a spot; the program gives a label.",
    "lost": "The full-resolution image: borders that only the image shows.",
    "depth_trap": "Forward: it reads log counts that are not normalised, so spots with twice the counts of an equal "
    "profile score higher than others.",
}
RIVALS = {
    "tesla": Entry(Tesla, RivalCard("TESLA (lattice, fixed markers)", kind="knowledge", labels="none", **_CARD)),
    "tesla-training-markers": Entry(
        partial(Tesla, TRAINING),
        RivalCard("TESLA (lattice, markers of the training sections)", kind="supervised", labels="all", **_CARD),
    ),
}
