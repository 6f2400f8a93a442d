"""Tools: fit a model, score sections, cut likelihoods into regions."""

from ._fit import fit
from ._score import score
from ._threshold import threshold

__all__ = ["fit", "score", "threshold"]
