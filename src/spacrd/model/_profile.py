"""Summarise sections before scaling, to compare them with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..features import (
    Composition,
    ExpressionContract,
    GeneShares,
    NetworkInputs,
    SectionArrays,
    block_sizes,
    blocks,
    match_genes,
    sum_counts,
)
from ._presence import presence_statistic
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
    gene_shares, has_gene
        Share of each gene that a training section has in the counts of such genes, (n_known,) float64, and whether the
        section has it, bool; None without counts.
    unknown_counts, unknown_genes
        Share of the section's counts in other genes, and the highest three of these.
    depths
        Sum of the counts of each spot; empty without counts.
    log_depth
        Median log10 counts of a spot; NaN without counts.
    share
        Share of cancer that the prevalence classifier estimates, from expression if there are counts, else from the
        image, else NaN.
    presence
        See :func:`presence_statistic`, of the same classifier; NaN without.
    """

    expression_mean: np.ndarray | None
    present: np.ndarray | None
    image_mean: np.ndarray | None
    n_image_spots: int
    gene_shares: np.ndarray | None
    has_gene: np.ndarray | None
    unknown_counts: float
    unknown_genes: str
    depths: np.ndarray
    log_depth: float
    share: float
    presence: float


def profile_section(
    section: SectionArrays,
    inputs: NetworkInputs,
    *,
    expression: ExpressionContract | None,
    use_image: bool,
    classifier: PrevalenceClassifier | None = None,
    usual: np.ndarray | None = None,
    read: SectionArrays | None = None,
) -> SectionProfile:
    """Summarise a section as far as a model reads it, and estimate its share of cancer by a classifier.

    ``usual`` is the mean log composition of the training sections, (n_genes,); None if the section is one of them.
    ``read`` is the section with only the genes that the model reads, where they were taken before.
    """
    logits = np.empty(0)
    image_mean, n_image_spots = None, 0
    if use_image and section.image is not None:
        image_mean, n_image_spots, logits = _read_image(section, classifier)
    depths, log_depth, genes = np.empty(0), float("nan"), GeneShares()
    expression_mean = present = None
    if expression is not None and section.counts is not None and section.genes is not None:
        present = match_genes(expression.genes, section.genes) >= 0
        counts = section.counts
        depths, totals = sum_counts(counts)
        genes = GeneShares.of(totals, np.asarray(section.genes), expression.known_genes)
        if (depths > 0).any():
            log_depth = float(np.median(np.log10(depths[depths > 0])))
            read = section if read is None else read
            composition = Composition(read, expression, usual)
            expression_mean, logits = _read_counts(read, inputs, composition, present, classifier)
    share = float(expit(logits).mean()) if len(logits) else float("nan")
    return SectionProfile(
        expression_mean,
        present,
        image_mean,
        n_image_spots,
        genes.shares,
        genes.has_gene,
        genes.unknown_counts,
        genes.unknown_genes,
        depths,
        log_depth,
        share=share,
        presence=presence_statistic(logits),
    )


def _read_image(
    section: SectionArrays, classifier: PrevalenceClassifier | None
) -> tuple[np.ndarray | None, int, np.ndarray]:
    """Compute the mean embedding, the number of spots that have one, and their logits by the classifier."""
    total, n_spots, logits = np.zeros(section.image.shape[1]), 0, [np.empty(0)]
    for rows in blocks(section.image.shape[0]):
        values = section.image[rows]
        values = values[np.isfinite(values).all(axis=1)]
        total += values.sum(axis=0, dtype=np.float64)
        n_spots += len(values)
        if classifier is not None:
            logits.append(classifier.image.logits(values))
    return (total / n_spots if n_spots else None), n_spots, np.concatenate(logits)


def _read_counts(
    section: SectionArrays,
    inputs: NetworkInputs,
    composition: Composition,
    present: np.ndarray,
    classifier: PrevalenceClassifier | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean log composition, and the logits of the neighbourhoods by the classifier."""
    total, n_spots, logits = np.zeros(composition.width), 0, [np.empty(0)]
    for block in inputs.read_blocks(section.counts):
        counts = section.counts if block.rows is None else section.counts[block.rows]
        for rows in blocks(len(block.centres), block_sizes.neighbourhoods):
            values, depth = composition.rows(counts, block.index[rows], block.mask[rows])
            values = values[depth > 0]
            total += np.asarray(values.sum(axis=0)).ravel()
            n_spots += values.shape[0]
            if classifier is not None:
                logits.append(classifier.expression.logits(values, present))
    return total / max(1, n_spots), np.concatenate(logits)
