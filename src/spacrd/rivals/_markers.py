"""Scores from a list of genes: one that the user gives, or the top markers of the training sections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import check_positive_int, quote_names
from ..features import SectionArrays, match_genes
from ._card import RivalCard
from ._inputs import GeneSpace, both_classes, labelled, smooth
from ._interface import MissingInputError, RivalScore
from ._registry import Entry


class Signature:
    """Mean of a list of genes, each scaled between its least and largest value in the section, averaged over spots.

    Parameters
    ----------
    genes
        Genes that are high in cancer.
    smoothing
        Spots that are averaged over, the spot itself included.
    """

    def __init__(self, genes: Sequence[str] | np.ndarray, *, smoothing: int = 7) -> None:
        if isinstance(genes, str) or not len(genes):
            raise ValueError(f"genes must be a list of at least one gene name, got {genes!r}.")
        self.genes = np.array(list(dict.fromkeys(map(str, genes))))
        self.smoothing = check_positive_int(smoothing, "smoothing")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> Signature:
        """Nothing to learn."""
        return self

    def score(self, section: SectionArrays) -> RivalScore:
        """Mean over the genes that the section has."""
        if section.genes is None:
            raise MissingInputError(f"Section {section.name!r} has no expression, which this rival reads.")
        own = np.asarray(section.genes)
        there = self.genes[match_genes(self.genes, own) >= 0]
        if not len(there):
            raise MissingInputError(
                f"Section {section.name!r} has none of the {len(self.genes)} genes {quote_names(self.genes, 5)}."
            )
        values = GeneSpace(there, own).dense(section, "minmax")
        note = "" if len(there) == len(self.genes) else f"{len(there)} of {len(self.genes)} genes"
        return RivalScore(smooth(section, values.mean(axis=1), self.smoothing), note=note)


class TopMarkers:
    """:class:`Signature` of the genes that differ most between cancer and normal spots of the training sections.

    Parameters
    ----------
    n_markers
        How many genes.
    smoothing
        As in :class:`Signature`.
    """

    def __init__(self, *, n_markers: int = 20, smoothing: int = 7) -> None:
        self.n_markers, self.smoothing = check_positive_int(n_markers, "n_markers"), smoothing

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> Signature:
        """Choose the genes."""
        return Signature(top_markers(sections, self.n_markers), smoothing=self.smoothing)


def top_markers(sections: Sequence[SectionArrays], n_markers: int) -> np.ndarray:
    """Genes of the largest mean difference between cancer and normal spots in units of the standard deviation.

    Differences are taken within each section that has both classes, of log-normalised expression, and averaged over
    sections.
    """
    both_classes(sections)
    space = GeneSpace.of(sections)
    differences = []
    for section in sections:
        kept = labelled(section)
        cancer = section.target[kept] == 1
        if section.counts is None or len(np.unique(cancer)) < 2:
            continue
        values = space.dense(section)[kept]
        spread = values.std(axis=0)
        difference = values[cancer].mean(axis=0) - values[~cancer].mean(axis=0)
        differences.append(np.divide(difference, spread, out=np.zeros_like(spread), where=spread > 1e-6))
    if not differences:
        raise MissingInputError("No training section with expression has both cancer and normal spots.")
    return space.genes[np.argsort(-np.mean(differences, axis=0), kind="stable")[:n_markers]]


_TRAP = "Forward, in part: the mean of log1p of sparse genes grows with depth, although counts are normalised."

RIVALS = {
    "signature": Entry(
        Signature,
        RivalCard(
            "Marker signature given by the user",
            kind="knowledge",
            modality="expression",
            labels="none",
            transductive=True,
            depth_trap=_TRAP,
        ),
    ),
    "top-markers": Entry(
        TopMarkers,
        RivalCard(
            "Top markers of the training sections",
            kind="control",
            modality="expression",
            transductive=True,
            depth_trap=_TRAP,
        ),
    ),
}
