"""What a section looks like as a whole, before anything is scaled within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..features import BLOCK, Composition, ExpressionContract, Matrix, NetworkInputs, SectionArrays, blocks, match_genes
from ._prevalence import PrevalenceClassifier

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SectionProfile:
    """What a section looks like as a whole, before anything is scaled within it.

    Parameters
    ----------
    raw
        The section.
    expression
        Genes to read; None for a model without expression.
    use_image
        Whether the model reads the picture.
    arrays
        Its neighbourhoods.
    levels
        Classifiers to ask.
    usual
        Mean log composition of the training sections, (n_genes,); None if the section is one of them.

    Attributes
    ----------
    expression_mean, present
        Mean over the spots of the neighbourhood's log composition, (n_genes,) float64, and the genes the section has;
        None without counts.
    image_mean, n_seen
        Mean embedding, (dim,) float64, and of how many spots; None without a picture.
    depths
        Counts of each spot over all its genes; empty without counts.
    log_depth
        Median log10 counts of a spot; NaN without counts.
    shares
        Share of cancer among its spots by each of ``levels``: from expression where there is any, else from the
        picture, else NaN.
    """

    def __init__(
        self,
        raw: SectionArrays,
        expression: ExpressionContract | None,
        use_image: bool,
        arrays: NetworkInputs,
        levels: Sequence[PrevalenceClassifier] = (),
        usual: np.ndarray | None = None,
    ) -> None:
        self.expression_mean: np.ndarray | None = None
        self.present: np.ndarray | None = None
        self.image_mean: np.ndarray | None = None
        self.n_seen = 0
        self.depths = np.empty(0)
        self.shares = [float("nan")] * len(levels)
        self.log_depth = float("nan")
        if use_image and raw.image is not None:
            self._read_image(raw.image, levels)
        if expression is not None and raw.counts is not None and raw.genes is not None:
            self._read_counts(raw, expression, arrays, levels, usual)

    def _read_image(self, image: Matrix, levels: Sequence[PrevalenceClassifier]) -> None:
        total, likely, spots = np.zeros(image.shape[1]), np.zeros(len(levels)), 0
        for rows in blocks(image.shape[0]):
            values = image[rows]
            values = values[np.isfinite(values).all(axis=1)]
            total += values.sum(axis=0, dtype=np.float64)
            likely += [expit(level.image_logits(values)).sum() for level in levels]
            spots += len(values)
        if spots:
            self.image_mean, self.n_seen = total / spots, spots
            self.shares = [float(value / spots) for value in likely]

    def _read_counts(
        self,
        raw: SectionArrays,
        expression: ExpressionContract,
        arrays: NetworkInputs,
        levels: Sequence[PrevalenceClassifier],
        usual: np.ndarray | None,
    ) -> None:
        assert raw.genes is not None
        self.present = present = match_genes(expression.genes, raw.genes) >= 0
        own = self.depths = np.concatenate([_row_sums(raw.counts[rows]) for rows in blocks(raw.counts.shape[0])])
        if not (own > 0).any():
            return
        self.log_depth = float(np.median(np.log10(own[own > 0])))
        composition = Composition(raw, expression, usual)
        total, likely, spots = np.zeros(len(expression.genes)), np.zeros(len(levels)), 0
        for region in arrays.regions(raw.counts):
            counts = raw.counts if region.rows is None else raw.counts[region.rows]
            for rows in blocks(len(region.centres), BLOCK):
                values, depth = composition.rows(counts, region.index[rows], region.mask[rows])
                values = values[depth > 0]
                total += np.asarray(values.sum(axis=0)).ravel()
                likely += [expit(level.expression_logits(values, present)).sum() for level in levels]
                spots += values.shape[0]
        self.expression_mean = total / max(1, spots)
        self.shares = [float(value / max(1, spots)) for value in likely]


def _row_sums(counts: csr_matrix) -> np.ndarray:
    return np.asarray(counts.sum(axis=1)).ravel()
