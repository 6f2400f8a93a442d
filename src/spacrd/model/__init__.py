"""Fitted models: networks and everything needed to score a new section."""

from ._calibration import Calibration, centre
from ._config import ModelConfig
from ._infer import Scores, make_tokens, propagated, score_inputs, to_device
from ._io import free_place
from ._known import SECTION_HASHES, section_hash
from ._model import SpaCRD
from ._parts import ModelParts, Replicate, further_network
from ._prediction import Prediction
from ._prevalence import LinearClassifier, PrevalenceClassifier
from ._profile import SectionProfile, profile_section
from ._propagate import propagate
from ._recipe import RECIPES, Recipe, get_recipe
from ._reference import UNUSUAL_DEPTH, UNUSUAL_DISTANCE, Reference, Shift

__all__ = [
    "RECIPES",
    "SECTION_HASHES",
    "UNUSUAL_DEPTH",
    "UNUSUAL_DISTANCE",
    "Calibration",
    "LinearClassifier",
    "ModelConfig",
    "ModelParts",
    "Prediction",
    "PrevalenceClassifier",
    "Recipe",
    "Reference",
    "Replicate",
    "Scores",
    "SectionProfile",
    "Shift",
    "SpaCRD",
    "centre",
    "free_place",
    "further_network",
    "get_recipe",
    "make_tokens",
    "profile_section",
    "propagate",
    "propagated",
    "score_inputs",
    "section_hash",
    "to_device",
]
