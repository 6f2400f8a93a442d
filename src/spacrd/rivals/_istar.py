"""iStar: expression of super-pixels from the image, learned on the spots of the scored section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ..features import SectionArrays
from ._card import RivalCard
from ._inputs import embedding
from ._interface import MissingInputError, RivalScore
from ._registry import Entry
from ._superpixels import SuperPixels, spot_pitch
from ._tissue_markers import check_markers, find_markers, marker_counts

LEAST = 1e-3
"""Largest value under which a gene does not count."""


@dataclass(frozen=True)
class IStar:
    """Score spots by the marker expression that is predicted for the super-pixels under them.

    Parameters
    ----------
    markers
        A list of genes; ``"breast"`` or ``"pancreas"`` for a fixed list; ``"training"`` for the genes that differ most
        between cancer and normal spots of the training sections.
    others
        Lists of genes of other tissue classes, such as stroma; the best of them is subtracted.
    n_markers
        How many genes to take from the training sections.
    step
        Distance between super-pixels, as a share of that between spots.
    n_nearest
        Spots whose embedding a super-pixel is an average of.
    spot_diameter
        Diameter of a spot as a share of the distance between spots.
    epochs, n_starts, learning_rate
        Training, by default as the program.
    """

    markers: str | Sequence[str] = "breast"
    _: KW_ONLY
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    n_markers: int = 10
    step: float = 0.25
    n_nearest: int = 4
    spot_diameter: float = 0.5
    epochs: int = 400
    n_starts: int = 5
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        object.__setattr__(self, "markers", check_markers(self.markers))

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedIStar:
        """Choose the markers; the rest is learned on the scored section."""
        return FittedIStar(self, find_markers(self.markers, sections, self.n_markers), seed)


class FittedIStar:
    """Markers and options."""

    def __init__(self, options: IStar, markers: tuple[str, ...], seed: int) -> None:
        self.options, self.markers, self.seed = options, markers, seed

    def score(self, section: SectionArrays) -> RivalScore:
        """Mean marker expression of the super-pixels under each spot, less that of the best other class."""
        from ._istar_network import predict

        options = self.options
        rows = embedding(section, "zscore")
        seen = np.isfinite(rows).all(axis=1)
        if not seen.any():
            raise MissingInputError(f"Section {section.name!r} has no spot with a patch embedding.")
        xy = section.xy[seen]
        grid = SuperPixels.cover(xy, options.step * spot_pitch(xy))
        index, number = grid.discs(xy, options.spot_diameter * grid.pitch / 2)
        # Only super-pixels under a spot teach anything, and only they are asked about.
        under, index = np.unique(index, return_inverse=True)
        features = grid.impute(xy, rows[seen], options.n_nearest)[under]
        lists = [self.markers, *options.others.values()]
        counts = [_minmax(marker_counts(section, genes)[seen]) for genes in lists]
        predicted = predict(
            features,
            index,
            number,
            np.hstack(counts),
            epochs=options.epochs,
            n_starts=options.n_starts,
            learning_rate=options.learning_rate,
            seed=self.seed,
        )
        first = np.cumsum(number) - number
        parts = np.split(predicted, np.cumsum([part.shape[1] for part in counts])[:-1], axis=1)
        classes = [np.add.reduceat(_tissue_score(part)[index], first) / number for part in parts]
        score = np.full(len(seen), np.nan)
        score[seen] = classes[0] - np.max(classes[1:], axis=0) if options.others else classes[0]
        return RivalScore(score, threshold=0.0 if options.others else None, note=", ".join(self.markers))


def _minmax(values: np.ndarray) -> np.ndarray:
    low, high = values.min(axis=0), values.max(axis=0)
    return (values - low) / np.where(high > low, high - low, 1.0)


def _tissue_score(predicted: np.ndarray) -> np.ndarray:
    """Mean of the genes that are expressed, each between 0 and 1 over the super-pixels, (m,)."""
    expressed = predicted.max(axis=0) >= LEAST
    return _minmax(predicted[:, expressed]).mean(axis=1) if expressed.any() else np.zeros(len(predicted))


RIVALS = {
    "istar": Entry(
        IStar,
        RivalCard(
            "iStar (grid of the embedding)",
            kind="knowledge",
            labels="none",
            modality="both",
            paper="Zhang et al., Nat Biotechnol 2024",
            repository="https://github.com/daviddaiweizhang/istar",
            licence="GPL-3.0; read for facts, no code of it is here",
            transductive=True,
            seeded=True,
            adapted="Super-pixels lie a quarter of the distance between spots apart and read the embedding of the "
            "nearest spots' patches, where the program has 579 features of its own for each 8 um. Only the markers are "
            "predicted, not 1000 genes. The score of a spot is the mean marker score of its disc.",
            lost="The two vision transformers (HIPT), which see what lies between and within spots.",
            depth_trap="Forward, since it predicts raw counts: almost wholly where the embedding tells deep spots "
            "apart, in part elsewhere.",
        ),
    ),
}
