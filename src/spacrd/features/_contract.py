"""What a model reads of a section: which genes, which embedding, and how each is scaled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval

from .._checks import check_choice
from .._schema import Name, Names, Positive
from ._scaling import SCALINGS
from ._section import EmbeddingRecord

EXPRESSION_TARGET_SUM = 1e4
"""Counts that a spot is normalised to before log1p."""


@dataclass(frozen=True)
class ExpressionContract:
    """Genes and normalisation.

    Attributes
    ----------
    genes
        Genes the network reads, in order.
    depth_genes
        Genes whose counts make up a spot's depth: those all training sections share.
    target_sum
        Counts a spot is normalised to before log1p.
    scaling
        Scaling of each gene within its section.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> len(model.config.expression.genes)
    60
    """

    genes: Names
    depth_genes: Names
    target_sum: Positive = EXPRESSION_TARGET_SUM
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")
        for genes in (self.genes, self.depth_genes):
            if len(set(genes)) != len(genes):
                raise ValueError("The model's genes are not unique.")


@dataclass(frozen=True, kw_only=True)
class ImageContract(EmbeddingRecord):
    """Patch embedding that a model reads.

    Attributes
    ----------
    key, encoder, revision, weights_sha256, patch_um
        As in :class:`EmbeddingRecord`.
    dim
        Width of the embedding.
    scaling
        Scaling of each dimension within its section.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> model.config.image.key, model.config.image.encoder
    ('X_handcrafted', 'handcrafted')
    """

    key: Name = field()  # here it must be known
    dim: Annotated[int, Interval(ge=1, le=1_000_000)]
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")
