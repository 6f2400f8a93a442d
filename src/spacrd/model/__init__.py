"""Fitted models: networks and everything needed to score a new section."""

from ._calibration import Calibration
from ._config import ExpressionContract, ImageContract, ModelConfig
from ._model import SpaCRD
from ._prediction import Prediction
from ._prepare import RawSection
from ._recipe import RECIPES, Recipe
from ._reference import Shift

__all__ = [
    "RECIPES",
    "Calibration",
    "ExpressionContract",
    "ImageContract",
    "ModelConfig",
    "Prediction",
    "RawSection",
    "Recipe",
    "Shift",
    "SpaCRD",
]
