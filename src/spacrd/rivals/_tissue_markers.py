"""Genes that mark tumour cells: fixed lists, or those of the training sections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import quote_names
from .._marker_genes import TUMOUR_MARKERS
from ..features import SectionArrays, match_genes
from ._interface import MissingInputError
from ._markers import top_markers

TRAINING = "training"
"""Stands for the markers of the training sections."""


def check_markers(markers: str | Sequence[str]) -> str | tuple[str, ...]:
    """Accept an organ of :data:`TUMOUR_MARKERS`, ``"training"``, or a list of genes."""
    if isinstance(markers, str):
        if markers != TRAINING and markers not in TUMOUR_MARKERS:
            raise ValueError(
                f"There are no markers {markers!r}. There are lists for {quote_names(TUMOUR_MARKERS)}; pass "
                f"{TRAINING!r} for the markers of the training sections, or a list of genes."
            )
        return markers
    if not len(markers):
        raise ValueError("markers must name at least one gene, got an empty list.")
    return tuple(dict.fromkeys(map(str, markers)))


def find_markers(markers: str | Sequence[str], sections: Sequence[SectionArrays], n_markers: int) -> tuple[str, ...]:
    """Genes that what :func:`check_markers` accepted stands for."""
    if not isinstance(markers, str):
        return tuple(markers)
    if markers != TRAINING:
        return TUMOUR_MARKERS[markers]
    return tuple(map(str, top_markers(sections, n_markers)))


def marker_counts(section: SectionArrays, markers: Sequence[str]) -> np.ndarray:
    """Raw counts of the markers that the section has, (n, at most len(markers)) float32."""
    if section.counts is None or section.genes is None:
        raise MissingInputError(f"Section {section.name!r} has no expression, which this rival reads.")
    columns = match_genes(markers, section.genes)
    columns = columns[columns >= 0]
    if not len(columns):
        raise MissingInputError(f"Section {section.name!r} has none of the markers {quote_names(markers, 10)}.")
    rows = section.counts[np.arange(len(section.xy))][:, columns]
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float32)
