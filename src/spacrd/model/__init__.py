"""Fitted models: networks and everything needed to score a new section."""

from ..features import ExpressionContract, ImageContract, SectionArrays
from ._calibration import Calibration
from ._config import ModelConfig
from ._io import free_place as free_place
from ._known import FACT as TRAINING_HASHES  # noqa: F401
from ._model import SpaCRD
from ._prediction import Prediction
from ._recipe import RECIPES, Recipe
from ._reference import DEPTH as UNUSUAL_DEPTH  # noqa: F401
from ._reference import FAR as UNUSUAL_DISTANCE  # noqa: F401
from ._reference import Shift

__all__ = [
    "RECIPES",
    "Calibration",
    "ExpressionContract",
    "ImageContract",
    "ModelConfig",
    "Prediction",
    "Recipe",
    "SectionArrays",
    "Shift",
    "SpaCRD",
]
