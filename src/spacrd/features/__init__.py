"""A section as arrays, and what networks read of it: no AnnData, no networks."""

from ._arrays import NetworkInputs, ReadBlock, gene_coverage, prepare
from ._composition import BLOCK, Composition
from ._contract import ExpressionContract, ImageContract
from ._counts import check_counts
from ._expression import log_normalise, match_genes, select_genes
from ._neighbours import neighbourhoods
from ._scaling import SCALINGS, Features, Matrix, blocks, scale
from ._section import SectionArrays

__all__ = [
    "BLOCK",
    "SCALINGS",
    "Composition",
    "ExpressionContract",
    "Features",
    "ImageContract",
    "Matrix",
    "NetworkInputs",
    "ReadBlock",
    "SectionArrays",
    "blocks",
    "check_counts",
    "gene_coverage",
    "log_normalise",
    "match_genes",
    "neighbourhoods",
    "prepare",
    "scale",
    "select_genes",
]
