"""Measure, on held-out sections, what tells a section with a small tumour from one without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..features import ExpressionContract, SectionArrays, match_genes, prepare_neighbours
from ..model import PrevalenceClassifier, profile_section
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

    read = section if data.expression is None else take_genes(section, data.expression)

    def statistic(rows: np.ndarray) -> float:
        part = take_spots(read, np.sort(rows))
        inputs = prepare_neighbours(
            part,
            expression=data.expression,
            image=data.image,
            n_neighbors=run.n_neighbors,
            max_distance_um=run.max_distance_um,
        )
        profile = profile_section(
            part, inputs, expression=data.expression, use_image=data.image is not None, classifier=classifier
        )
        return profile.presence

    if len(cancer) < n_small:
        return statistic(normal), float("nan")
    small = []
    for seed in cancer[np.linspace(0, len(cancer) - 1, N_TUMOURS).round().astype(np.int64)]:
        distance = np.linalg.norm(section.xy[cancer] - section.xy[seed], axis=1)
        small.append(statistic(np.concatenate([normal, cancer[np.argsort(distance, kind="stable")[:n_small]]])))
    return statistic(normal), float(np.mean(small))


def take_spots(section: SectionArrays, rows: np.ndarray) -> SectionArrays:
    """Take some of the spots of a section."""
    return replace(
        section,
        xy=section.xy[rows],
        counts=None if section.counts is None else section.counts[rows],
        image=None if section.image is None else section.image[rows],
        target=section.target[rows],
    )


def take_genes(section: SectionArrays, expression: ExpressionContract) -> SectionArrays:
    """Take the genes of a section that a model reads."""
    if section.counts is None or section.genes is None:
        return section
    names = list(dict.fromkeys((*expression.genes, *expression.depth_genes)))  # in this order they are matched at once
    columns = match_genes(names, section.genes)
    columns = columns[columns >= 0]
    return replace(section, counts=section.counts[:, columns], genes=np.asarray(section.genes)[columns])
