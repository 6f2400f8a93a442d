"""Measure, on held-out sections, what tells a section with a small tumour from one without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..features import Composition, SectionArrays, block_sizes, blocks, prepare_neighbours
from ..model import PrevalenceClassifier, presence_statistic
from ._training_set import TrainingSet
from ._voters import Run

SMALL = 0.05
"""Share of cancer in a section with a small tumour."""
MIN_NORMAL = 30
"""Fewest normal spots of a section that make a section of their own."""
N_TUMOURS = 3
"""Small tumours that are cut out of a section; their statistics are averaged."""


def held_out_presence(
    section: SectionArrays, classifier: PrevalenceClassifier, data: TrainingSet, run: Run
) -> tuple[float, float]:
    """Compute the statistic of the normal spots of a section alone, and beside a compact small tumour of it.

    NaN where the section has too few normal spots, or no tumour of that size.
    """
    normal = np.flatnonzero(section.target == 0)
    cancer = np.flatnonzero(section.target == 1)
    n_small = max(3, round(SMALL / (1 - SMALL) * len(normal)))
    if len(normal) < MIN_NORMAL:
        return float("nan"), float("nan")

    parts = [normal]
    if len(cancer) >= n_small:
        for seed in cancer[np.linspace(0, len(cancer) - 1, N_TUMOURS).round().astype(np.int64)]:
            distance = np.linalg.norm(section.xy[cancer] - section.xy[seed], axis=1)
            parts.append(np.concatenate([normal, cancer[np.argsort(distance, kind="stable")[:n_small]]]))
    alone, *small = map(presence_statistic, _logits([np.sort(rows) for rows in parts], section, classifier, data, run))
    return alone, float(np.mean(small)) if small else float("nan")


def _logits(
    parts: Sequence[np.ndarray], section: SectionArrays, classifier: PrevalenceClassifier, data: TrainingSet, run: Run
) -> list[np.ndarray]:
    """Compute the logits of parts of a section, as if each were a section: from counts if it has any, else the image.

    Most neighbourhoods are the same in all parts, and are read once.
    """
    found = [np.empty(0)] * len(parts)
    if section.image is not None and data.image is not None:
        logits = np.full(len(section.xy), np.nan)
        on_image = np.isfinite(section.image).all(axis=1)
        logits[on_image] = classifier.image.logits(section.image[on_image])
        found = [logits[rows] for rows in parts]
    if section.counts is not None and data.expression is not None:
        placed = []
        for rows in parts:
            arranged = prepare_neighbours(
                take_spots(section, rows),
                expression=data.expression,
                image=data.image,
                n_neighbors=run.n_neighbors,
                max_distance_um=run.max_distance_um,
            )
            index = rows[arranged.neighbours]
            order = np.argsort(index, axis=1, kind="stable")  # equally far neighbours come in any order
            placed.append(np.hstack([np.take_along_axis(x, order, axis=1) for x in (index, arranged.mask)]))
        distinct, place = np.unique(np.vstack(placed), axis=0, return_inverse=True)
        index, mask = np.hsplit(distinct, 2)
        composition, logits = Composition(section, data.expression), np.full(len(distinct), np.nan)
        for some in blocks(len(distinct), block_sizes.neighbourhoods):
            values, depth = composition.rows(section.counts, index[some], mask[some])
            logits[some][depth > 0] = classifier.expression.logits(values[depth > 0])
        of_counts = np.split(logits[place.ravel()], np.cumsum([len(rows) for rows in parts])[:-1])
        found = [one if np.isfinite(one).any() else other for one, other in zip(of_counts, found, strict=True)]
    return [logits[np.isfinite(logits)] for logits in found]


def take_spots(section: SectionArrays, rows: np.ndarray) -> SectionArrays:
    """Take some of the spots of a section."""
    return replace(
        section,
        xy=section.xy[rows],
        counts=None if section.counts is None else section.counts[rows],
        image=None if section.image is None else section.image[rows],
        target=section.target[rows],
    )
