"""The only place that knows AnnData and SpatialData: what a section is, and how results are written back."""

from ._genes import gene_names
from ._records import embedding_record, recorded_embeddings
from ._scale import kind_of, um_per_unit
from ._scored import ScoredSection, scored_sections
from ._stored import Stored
from ._tables import (
    Section,
    as_list,
    coordinates,
    counts,
    embedding,
    get_table,
    is_spatialdata,
    labels,
    result_record,
    split_sections,
)
from ._write import copy_data, write_results

__all__ = [
    "ScoredSection",
    "Section",
    "Stored",
    "as_list",
    "coordinates",
    "copy_data",
    "counts",
    "embedding",
    "embedding_record",
    "gene_names",
    "get_table",
    "is_spatialdata",
    "kind_of",
    "labels",
    "recorded_embeddings",
    "result_record",
    "scored_sections",
    "split_sections",
    "um_per_unit",
    "write_results",
]
