"""What all rivals read, prepared in one way, so that only the method differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features import SectionArrays, blocks, log_normalise, match_genes, neighbourhoods, scale, select_genes
from ._interface import MissingInputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TARGET_SUM = 1e4
"""Counts a spot is normalised to."""


@dataclass(frozen=True)
class GeneSpace:
    """Genes that a rival reads, found on the training sections.

    Attributes
    ----------
    genes
        Genes to read, in order, (g,).
    shared
        Genes that all training sections have; their counts make up the depth of a spot.
    """

    genes: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(cls, sections: Sequence[SectionArrays], n_top: int | None = None) -> GeneSpace:
        """Genes that the sections share, or the ``n_top`` most variable of them.

        Sections without expression do not count. Labels are not used.
        """
        with_counts = [section for section in sections if section.counts is not None]
        if not with_counts:
            raise MissingInputError("No training section has expression, which this rival reads.")
        shared = np.asarray(with_counts[0].genes)
        for section in with_counts[1:]:
            shared = shared[np.isin(shared, np.asarray(section.genes))]
        if not len(shared):
            names = ", ".join(repr(section.name) for section in with_counts)
            raise ValueError(f"The sections {names} have no gene in common. Use the same kind of gene names.")
        space = cls(shared, shared)
        if n_top is None or n_top >= len(shared):
            return space
        logged = [space.read(section) for section in with_counts]
        return replace(space, genes=select_genes(logged, shared, n_top, flavor="batch")[0])

    def pick(self, genes: Sequence[str] | np.ndarray) -> GeneSpace:
        """The same depth, other genes to read."""
        return replace(self, genes=np.asarray(genes))

    def read(self, section: SectionArrays) -> csr_matrix:
        """log1p of counts per :data:`TARGET_SUM`, (n, g) float32; 0 for a gene that the section lacks."""
        if section.counts is None or section.genes is None:
            raise MissingInputError(f"Section {section.name!r} has no expression, which this rival reads.")
        depth = match_genes(self.shared, section.genes)
        columns = match_genes(self.genes, section.genes)
        return log_normalise(section.counts, depth[depth >= 0], columns, TARGET_SUM)

    def dense(self, section: SectionArrays, scaling: str = "none") -> np.ndarray:
        """:meth:`read` as an array, each gene scaled by the section's own values, (n, g) float32."""
        logged = self.read(section)
        everyone = np.arange(logged.shape[0])
        return scale(logged, scaling, np.ones(len(everyone), dtype=bool)).rows(everyone)


def total_counts(section: SectionArrays) -> np.ndarray:
    """Counts of each spot over all genes, (n,) float64."""
    if section.counts is None:
        raise MissingInputError(f"Section {section.name!r} has no expression, which this rival reads.")
    rows = blocks(section.counts.shape[0])
    sums = [np.asarray(section.counts[part].sum(axis=1), dtype=np.float64).ravel() for part in rows]
    return np.concatenate(sums) if sums else np.zeros(0)


def embedding(section: SectionArrays, scaling: str = "none") -> np.ndarray:
    """Patch embedding, each column scaled by the section's own values, (n, dim) float32; NaN rows without a patch."""
    if section.image is None:
        raise MissingInputError(f"Section {section.name!r} has no patch embedding, which this rival reads.")
    values = np.asarray(section.image[np.arange(len(section.xy))], dtype=np.float32)
    valid = np.asarray(np.isfinite(values).all(axis=1))
    scaled = scale(np.where(valid[:, None], values, np.float32(0)), scaling, valid).rows(np.arange(len(values)))
    scaled[~valid] = np.nan
    return scaled


def embedding_width(sections: Sequence[SectionArrays]) -> int:
    """Columns of the patch embedding of the training sections, which must agree."""
    widths = {section.image.shape[1] for section in sections if section.image is not None}
    if not widths:
        raise MissingInputError("No training section has a patch embedding, which this rival reads.")
    if len(widths) > 1:
        raise ValueError(f"The patch embeddings have {sorted(widths)} columns: use one encoder for all sections.")
    return widths.pop()


def neighbours(section: SectionArrays, k: int) -> tuple[np.ndarray, np.ndarray]:
    """A spot and its nearest ones, ``k`` in all: positions (n, k), and which of them are real, bool."""
    return neighbourhoods(section.xy, k - 1)


def neighbour_mean(section: SectionArrays, values: np.ndarray, k: int) -> np.ndarray:
    """Mean over each spot and its nearest ones, ``k`` in all; NaN rows do not count, as ``values``.

    Parameters
    ----------
    section
        Where the spots lie.
    values
        (n,) or (n, width).
    k
        Spots to average over, the spot itself included: 1 changes nothing, 7 is a ring of six, 19 are two rings.
    """
    from scipy.sparse import csr_matrix

    if k == 1:
        return values
    table = values[:, None] if values.ndim == 1 else values
    index, real = neighbours(section, k)
    there = np.isfinite(table).all(axis=1)
    counted = real & there[index]
    number = counted.sum(axis=1)
    weight = (counted / np.maximum(number, 1)[:, None]).astype(table.dtype)
    start = np.arange(0, weight.size + 1, weight.shape[1])
    average = csr_matrix((weight.ravel(), index.ravel(), start), shape=(len(table),) * 2)
    mean = np.asarray(average @ np.where(there[:, None], table, 0).astype(table.dtype))
    mean[number == 0] = np.nan
    return mean.ravel() if values.ndim == 1 else mean


def smooth(section: SectionArrays, score: np.ndarray, k: int) -> np.ndarray:
    """Scores averaged over the spot and its nearest ones; a spot that had no score still has none, (n,) float64."""
    averaged = np.array(neighbour_mean(section, np.asarray(score, dtype=np.float64), k))
    averaged[np.isnan(score)] = np.nan
    return averaged


def labelled(section: SectionArrays) -> np.ndarray:
    """Which spots have a label, (n,) bool."""
    return ~np.isnan(section.target)


def take(section: SectionArrays, rows: np.ndarray) -> SectionArrays:
    """Some spots of a section as a section, in memory.

    Parameters
    ----------
    section
        Any section.
    rows
        Positions of the spots, or (n,) bool.
    """
    index = np.flatnonzero(rows) if rows.dtype == bool else rows

    def some(matrix: Any) -> Any:
        return None if matrix is None else matrix[index]

    return replace(
        section,
        xy=section.xy[index],
        counts=some(section.counts),
        image=some(section.image),
        target=section.target[index],
    )


def normal_spots(sections: Sequence[SectionArrays]) -> list[SectionArrays]:
    """Sections cut to the spots labelled normal: all that a one-class rival may see.

    Everything it learns (genes, scaling, neighbours, weights) is to be found on the result, so that no other spot can
    have any influence. Sections without a normal spot are left out.
    """
    cut = [take(section, section.target == 0) for section in sections if (section.target == 0).any()]
    if not cut:
        raise MissingInputError("No training spot is labelled normal, and this rival learns from normal spots alone.")
    return cut


def both_classes(sections: Sequence[SectionArrays]) -> None:
    """Refuse training sections whose labels are all of one class."""
    target = np.concatenate([section.target[labelled(section)] for section in sections] or [np.zeros(0)])
    if len(np.unique(target)) < 2:
        raise MissingInputError("The labelled training spots are not of both classes, and this rival learns from both.")
