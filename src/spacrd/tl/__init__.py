"""Tools: fit a model, score sections, explain scores, cut likelihoods into regions, cross-validate."""

from ._cross_validate import CrossValidation, cross_validate
from ._explain import explain
from ._fit import fit
from ._markers import marker_check
from ._markers import marker_sentence as marker_sentence
from ._match import LOW_COVERAGE as LOW_COVERAGE
from ._regions import regions
from ._score import score
from ._summarise import summarise
from ._threshold import threshold
from ._to_cells import to_cells

__all__ = [
    "CrossValidation",
    "cross_validate",
    "explain",
    "fit",
    "marker_check",
    "regions",
    "score",
    "summarise",
    "threshold",
    "to_cells",
]
