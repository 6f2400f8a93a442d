"""Tools: fit a model, score sections, explain scores, cut likelihoods into regions, cross-validate."""

from ._adapt import adapt
from ._cross_validate import CrossValidation, cross_validate
from ._cv import Store as Store
from ._explain import explain
from ._fit import fit
from ._markers import marker_check
from ._markers import marker_sentence as marker_sentence
from ._regions import regions
from ._score import score
from ._suggest import suggest_spots
from ._summarise import summarise
from ._threshold import threshold
from ._to_cells import to_cells

__all__ = [
    "CrossValidation",
    "adapt",
    "cross_validate",
    "explain",
    "fit",
    "marker_check",
    "regions",
    "score",
    "suggest_spots",
    "summarise",
    "threshold",
    "to_cells",
]
