"""A section as arrays, and what models read of it: no AnnData, no networks."""

from ._arrays import NetworkInputs as NetworkInputs
from ._arrays import ReadBlock as ReadBlock
from ._arrays import expression_features as expression_features
from ._arrays import gene_coverage as gene_coverage
from ._arrays import prepare as prepare
from ._arrays import prepare_neighbours as prepare_neighbours
from ._blocks import block_sizes as block_sizes
from ._blocks import blocks as blocks
from ._composition import Composition as Composition
from ._composition import take_genes as take_genes
from ._contract import EXPRESSION_TARGET_SUM as EXPRESSION_TARGET_SUM
from ._contract import LOW_COVERAGE as LOW_COVERAGE
from ._contract import ExpressionContract, ImageContract
from ._counts import check_counts as check_counts
from ._expression import log_normalise as log_normalise
from ._expression import match_genes as match_genes
from ._expression import select_genes as select_genes
from ._gene_shares import GeneShares as GeneShares
from ._gene_shares import is_gene_name as is_gene_name
from ._gene_shares import sum_counts as sum_counts
from ._neighbours import neighbourhoods as neighbourhoods
from ._scaling import SCALINGS as SCALINGS
from ._scaling import Features as Features
from ._scaling import Matrix as Matrix
from ._scaling import scale as scale
from ._section import EmbeddingRecord, SectionArrays
from ._section import contradictions as contradictions

__all__ = ["EmbeddingRecord", "ExpressionContract", "ImageContract", "SectionArrays"]
