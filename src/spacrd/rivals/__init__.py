"""Rivals: other ways to score spots, from controls to published systems, all with one interface."""

from ._baselines import FIXED as FIXED
from ._card import RivalCard
from ._harness import as_likelihood, digest, fit_and_score
from ._interface import FittedRival, MissingInputError, Rival, RivalScore, without_labels
from ._registry import BASELINES, available, card, get, register
from ._registry import is_builtin as is_builtin

__all__ = [
    "BASELINES",
    "FittedRival",
    "MissingInputError",
    "Rival",
    "RivalCard",
    "RivalScore",
    "as_likelihood",
    "available",
    "card",
    "digest",
    "fit_and_score",
    "get",
    "register",
    "without_labels",
]
