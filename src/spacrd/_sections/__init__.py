"""The only place that knows AnnData and SpatialData: what a section is, and how results are written back."""

from ._added_image import (
    affine,
    full_resolution,
    image_element,
    landmark_matrix,
    name_image,
    placed_on,
    system_of,
)
from ._centres import check_finite, coordinates, stored_coordinates
from ._containers import as_list, copy_data, get_table, is_spatialdata
from ._drawn import place_in_pixels, read_annotations
from ._elements import transformations
from ._features import gene_columns, warn_other_features
from ._genes import gene_names
from ._geojson import CLASS, check_geojson_place, write_geojson
from ._image_fit import check_image_fit
from ._images import NoImageError
from ._log_expression import log_expression
from ._mixed import check_one_section
from ._placement import Placement, place_on_image, place_rows, place_spots, with_scale
from ._platform import place_with_scale, platform_of, spot_areas
from ._polygons import polygons_only
from ._records import embedding_record, recorded_embeddings, result_record
from ._results import Scores, write_results, write_scores
from ._scale import kind_of, um_per_unit
from ._scored import ScoredSection, scored_sections
from ._section import Section, only_section, split_each, split_sections, split_silently
from ._selection import Selection
from ._shapes import check_new_shapes, outlines, square_shapes, store_shapes, transform_polygons
from ._stored import Stored
from ._tables import counts, embedding, gene_values, labels

__all__ = [
    "CLASS",
    "NoImageError",
    "Placement",
    "ScoredSection",
    "Scores",
    "Section",
    "Selection",
    "Stored",
    "affine",
    "as_list",
    "check_finite",
    "check_geojson_place",
    "check_image_fit",
    "check_new_shapes",
    "check_one_section",
    "coordinates",
    "copy_data",
    "counts",
    "embedding",
    "embedding_record",
    "full_resolution",
    "gene_columns",
    "gene_names",
    "gene_values",
    "get_table",
    "image_element",
    "is_spatialdata",
    "kind_of",
    "labels",
    "landmark_matrix",
    "log_expression",
    "name_image",
    "only_section",
    "outlines",
    "place_in_pixels",
    "place_on_image",
    "place_rows",
    "place_spots",
    "place_with_scale",
    "placed_on",
    "platform_of",
    "polygons_only",
    "read_annotations",
    "recorded_embeddings",
    "result_record",
    "scored_sections",
    "split_each",
    "split_sections",
    "split_silently",
    "spot_areas",
    "square_shapes",
    "store_shapes",
    "stored_coordinates",
    "system_of",
    "transform_polygons",
    "transformations",
    "um_per_unit",
    "warn_other_features",
    "with_scale",
    "write_geojson",
    "write_results",
    "write_scores",
]
