"""Genes and embedding that a model reads of a section, and how they are scaled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval

from .._checks import check_choice
from .._schema import Name, Names, OtherNames, Positive
from ._scaling import SCALINGS
from ._section import EmbeddingRecord

EXPRESSION_TARGET_SUM = 1e4
"""Counts that a spot is normalised to before log1p."""

LOW_COVERAGE = 0.5
"""Share of the model's genes below which substitutes are read, and a warning is given."""


@dataclass(frozen=True)
class ExpressionContract:
    """Describe the expression that a model reads.

    Attributes
    ----------
    genes
        Genes that the model reads, in order.
    depth_genes
        Genes whose counts are summed to the depth of a spot: those that all training sections share.
    known_genes
        Genes with counts in any training section, to which a section is compared.
    substitutes
        Genes that take the place of missing ones in a section that lacks most of ``genes``, the most variable first.
    target_sum
        Counts a spot is normalised to before log1p.
    scaling
        Scaling of each gene within its section: ``"minmax"``, ``"quantile"``, ``"zscore"`` or ``"none"``.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.features.ExpressionContract(genes=("ERBB2",), depth_genes=("ERBB2", "KRT8")).target_sum
    10000.0
    """

    genes: Names
    depth_genes: Names
    target_sum: Positive = EXPRESSION_TARGET_SUM
    scaling: str = "minmax"
    known_genes: OtherNames = ()
    substitutes: OtherNames = ()

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")
        for genes in (self.candidates, self.depth_genes, self.known_genes):
            if len(set(genes)) != len(genes):
                raise ValueError("The model's genes are not unique.")

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return the genes and the substitutes."""
        return (*self.genes, *self.substitutes)


@dataclass(frozen=True, kw_only=True)
class ImageContract(EmbeddingRecord):
    """Describe the patch embedding that a model reads.

    Attributes
    ----------
    key, encoder, revision, weights_sha256, patch_um
        As in :class:`EmbeddingRecord`.
    dim
        Width of the embedding.
    scaling
        Scaling of each dimension within its section, as in :class:`ExpressionContract`.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.features.ImageContract(key="X_uni", encoder="uni", dim=1024).scaling
    'minmax'
    """

    key: Name = field()  # required here
    dim: Annotated[int, Interval(ge=1, le=1_000_000)]
    scaling: str = "minmax"

    def __post_init__(self) -> None:
        check_choice(self.scaling, SCALINGS, "scaling")
