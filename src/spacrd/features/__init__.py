"""A section as arrays, and what networks read of it: no AnnData, no networks."""

from ._arrays import NetworkInputs, ReadBlock, gene_coverage, prepare
from ._blocks import block_sizes, blocks
from ._composition import Composition
from ._contract import EXPRESSION_TARGET_SUM, ExpressionContract, ImageContract
from ._counts import check_counts
from ._expression import log_normalise, match_genes, select_genes
from ._scaling import SCALINGS, Features, Matrix, scale
from ._section import EmbeddingRecord, SectionArrays, contradictions

__all__ = [
    "EXPRESSION_TARGET_SUM",
    "SCALINGS",
    "Composition",
    "EmbeddingRecord",
    "ExpressionContract",
    "Features",
    "ImageContract",
    "Matrix",
    "NetworkInputs",
    "ReadBlock",
    "SectionArrays",
    "block_sizes",
    "blocks",
    "check_counts",
    "contradictions",
    "gene_coverage",
    "log_normalise",
    "match_genes",
    "prepare",
    "scale",
    "select_genes",
]
