"""Summarise sections before scaling, to compare them with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..features import (
    Composition,
    ExpressionContract,
    NetworkInputs,
    SectionArrays,
    block_sizes,
    blocks,
    match_genes,
)
from ._prevalence import PrevalenceClassifier


@dataclass(frozen=True)
class SectionProfile:
    """Hold means and depth of a section.

    Attributes
    ----------
    expression_mean, present
        Mean log composition of the neighbourhoods, (n_genes,) float64, and which genes the section has, bool; None
        without counts.
    image_mean, n_image_spots
        Mean embedding, (dim,) float64, None without an image; and the number of spots that have one.
    depths
        Sum of the counts of each spot; empty without counts.
    log_depth
        Median log10 counts of a spot; NaN without counts.
    shares
        Share of cancer that each classifier estimates, from expression if there are counts, else from the image, else
        NaN.
    """

    expression_mean: np.ndarray | None
    present: np.ndarray | None
    image_mean: np.ndarray | None
    n_image_spots: int
    depths: np.ndarray
    log_depth: float
    shares: tuple[float, ...]


def profile_section(
    section: SectionArrays,
    inputs: NetworkInputs,
    *,
    expression: ExpressionContract | None,
    use_image: bool,
    classifiers: Sequence[PrevalenceClassifier] = (),
    usual: np.ndarray | None = None,
) -> SectionProfile:
    """Summarise a section as far as a model reads it, and estimate its share of cancer by each of the classifiers.

    ``usual`` is the mean log composition of the training sections, (n_genes,); None if the section is one of them.
    """
    shares = np.full(len(classifiers), np.nan)
    image_mean, n_image_spots = None, 0
    if use_image and section.image is not None:
        image_mean, n_image_spots, image_shares = _read_image(section, classifiers)
        if n_image_spots:
            shares = image_shares
    depths, log_depth = np.empty(0), float("nan")
    expression_mean = present = None
    if expression is not None and section.counts is not None and section.genes is not None:
        present = match_genes(expression.genes, section.genes) >= 0
        counts = section.counts
        depths = np.concatenate([np.asarray(counts[rows].sum(axis=1)).ravel() for rows in blocks(counts.shape[0])])
        if (depths > 0).any():
            log_depth = float(np.median(np.log10(depths[depths > 0])))
            composition = Composition(section, expression, usual)
            expression_mean, shares = _read_counts(section, inputs, composition, present, classifiers)
    return SectionProfile(
        expression_mean, present, image_mean, n_image_spots, depths, log_depth, tuple(map(float, shares))
    )


def _read_image(
    section: SectionArrays, classifiers: Sequence[PrevalenceClassifier]
) -> tuple[np.ndarray | None, int, np.ndarray]:
    """Compute the mean embedding, the number of spots that have one, and the shares of cancer."""
    total, n_cancer, n_spots = np.zeros(section.image.shape[1]), np.zeros(len(classifiers)), 0
    for rows in blocks(section.image.shape[0]):
        values = section.image[rows]
        values = values[np.isfinite(values).all(axis=1)]
        total += values.sum(axis=0, dtype=np.float64)
        n_cancer += [expit(classifier.image.logits(values)).sum() for classifier in classifiers]
        n_spots += len(values)
    return (total / n_spots if n_spots else None), n_spots, n_cancer / max(1, n_spots)


def _read_counts(
    section: SectionArrays,
    inputs: NetworkInputs,
    composition: Composition,
    present: np.ndarray,
    classifiers: Sequence[PrevalenceClassifier],
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean log composition and the shares of cancer."""
    total, n_cancer, n_spots = np.zeros(composition.width), np.zeros(len(classifiers)), 0
    for block in inputs.read_blocks(section.counts):
        counts = section.counts if block.rows is None else section.counts[block.rows]
        for rows in blocks(len(block.centres), block_sizes.neighbourhoods):
            values, depth = composition.rows(counts, block.index[rows], block.mask[rows])
            values = values[depth > 0]
            total += np.asarray(values.sum(axis=0)).ravel()
            n_cancer += [expit(classifier.expression.logits(values, present)).sum() for classifier in classifiers]
            n_spots += values.shape[0]
    return total / max(1, n_spots), n_cancer / max(1, n_spots)
