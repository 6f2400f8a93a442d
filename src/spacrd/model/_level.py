"""How much of a section is cancer: evidence that compares sections, which scaling within a section cannot give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from ._preprocess import match_genes
from ._scaling import Matrix, blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ._config import ExpressionContract
    from ._prepare import RawSection, SpotArrays

TARGET_SUM = 1e3
"""Counts a neighbourhood is normalised to before log1p: low, so that shallow and deep sections look alike."""
BLOCK = 1024
"""Spots whose neighbourhoods are summed at a time."""


class Level(nn.Module):
    """Linear classifiers of a neighbourhood's composition, on a scale that all sections share.

    Votes rank the spots of a section and say nothing of how many are cancer. The mean probability that this classifier
    gives says it: where genes, or picture, look on the whole like cancer or not.

    Parameters
    ----------
    n_genes, n_image
        Widths of the inputs; 0 where the model lacks a modality.
    """

    gene_mean: Tensor
    gene_weight: Tensor
    gene_bias: Tensor
    image_mean: Tensor
    image_weight: Tensor
    image_bias: Tensor

    def __init__(self, n_genes: int, n_image: int) -> None:
        super().__init__()
        for name, n in (("gene", n_genes), ("image", n_image)):
            self.register_buffer(f"{name}_mean", torch.zeros(n))
            self.register_buffer(f"{name}_weight", torch.zeros(n))
            self.register_buffer(f"{name}_bias", torch.zeros(()))

    def set(self, name: str, mean: np.ndarray, weight: np.ndarray, bias: float) -> None:
        """Set the classifier of ``"gene"`` or ``"image"``."""
        getattr(self, f"{name}_mean").copy_(torch.from_numpy(np.asarray(mean)))
        getattr(self, f"{name}_weight").copy_(torch.from_numpy(np.asarray(weight)))
        getattr(self, f"{name}_bias").fill_(float(bias))

    def gene_logits(self, values: csr_matrix, present: np.ndarray) -> np.ndarray:
        """Logits of rows of :class:`Composition`; genes that the section lacks count as average."""
        weight = np.where(present, self.gene_weight.double().numpy(), 0.0)
        return values @ weight - self.gene_mean.double().numpy() @ weight + self.gene_bias.item()

    def image_logits(self, values: np.ndarray) -> np.ndarray:
        """Logits of embeddings."""
        return (values - self.image_mean.double().numpy()) @ self.image_weight.double().numpy() + self.image_bias.item()


class Background:
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
    gene_mean, present
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
        raw: RawSection,
        expression: ExpressionContract | None,
        use_image: bool,
        arrays: SpotArrays,
        levels: Sequence[Level] = (),
        usual: np.ndarray | None = None,
    ) -> None:
        self.gene_mean: np.ndarray | None = None
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

    def _read_image(self, image: Matrix, levels: Sequence[Level]) -> None:
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
        raw: RawSection,
        expression: ExpressionContract,
        arrays: SpotArrays,
        levels: Sequence[Level],
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
                likely += [expit(level.gene_logits(values, present)).sum() for level in levels]
                spots += values.shape[0]
        self.gene_mean = total / max(1, spots)
        self.shares = [float(value / max(1, spots)) for value in likely]


def _row_sums(counts: csr_matrix) -> np.ndarray:
    return np.asarray(counts.sum(axis=1)).ravel()


class Composition:
    """Log composition of neighbourhoods: their counts summed, brought to :data:`TARGET_SUM`, log1p.

    Summing counts before the logarithm keeps the depth of single spots out of it. Genes that the section lacks leave
    their share of the sum free, as far as ``usual`` tells it: else a small panel would seem to express all it has.

    Parameters
    ----------
    raw
        A section with counts.
    expression
        Genes to read, and those that make up the depth.
    usual
        Mean log composition of the training sections, (n_genes,).
    """

    def __init__(self, raw: RawSection, expression: ExpressionContract, usual: np.ndarray | None = None) -> None:
        assert raw.genes is not None
        columns = match_genes(expression.genes, raw.genes)
        depth_columns = match_genes(expression.depth_genes, raw.genes)
        self.width, self.here = len(columns), np.flatnonzero(columns >= 0)
        self.columns, self.depth_columns = columns[self.here], depth_columns[depth_columns >= 0]
        shares = np.zeros(0) if usual is None else np.expm1(usual)
        self.target = TARGET_SUM * (shares[self.here].sum() / shares.sum() if shares.any() else 1.0)

    def rows(self, counts: csr_matrix, index: np.ndarray, mask: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
        """Of neighbourhoods ``index`` (b, t) of rows of ``counts``.

        Returns
        -------
        (b, n_genes) float64, genes the section lacks empty; and the summed depth, (b,).
        """
        from scipy.sparse import csr_matrix, diags

        distinct, local = np.unique(index, return_inverse=True)
        own = counts[distinct]
        start = np.arange(0, index.size + 1, index.shape[1])
        pick = csr_matrix((mask.ravel().astype(np.float64), local.ravel(), start), shape=(len(index), len(distinct)))
        depth = pick @ np.asarray(own[:, self.depth_columns].sum(axis=1), dtype=np.float64).ravel()
        scale = diags(np.divide(self.target, depth, out=np.zeros_like(depth), where=depth > 0))
        scaled = csr_matrix(scale @ (pick @ own[:, self.columns]))
        shape = (len(index), self.width)
        return csr_matrix((np.log1p(scaled.data), self.here[scaled.indices], scaled.indptr), shape=shape), depth
