"""Fitted models: discriminants, networks, and everything needed to score a new section."""

from ._adapt import adapt_to as adapt_to
from ._calibration import Calibration
from ._calibration import centre as centre
from ._config import ModelConfig
from ._discriminant import RANK as RANK
from ._discriminant import Discriminant as Discriminant
from ._fingerprints import SPOT_HASHES as SPOT_HASHES
from ._fingerprints import n_shared as n_shared
from ._fingerprints import sketch as sketch
from ._fingerprints import spot_hashes as spot_hashes
from ._infer import Scores as Scores
from ._infer import make_tokens as make_tokens
from ._infer import propagated as propagated
from ._infer import to_device as to_device
from ._io import free_place as free_place
from ._known import NEGATIVE as NEGATIVE
from ._known import PLATFORMS as PLATFORMS
from ._known import SECTION_HASHES as SECTION_HASHES
from ._known import negative_classes as negative_classes
from ._known import section_hash as section_hash
from ._level import Level
from ._level import check_share as check_share
from ._model import SpaCRD
from ._parts import ModelParts as ModelParts
from ._prediction import Prediction
from ._presence import Presence
from ._presence import presence_statistic as presence_statistic
from ._prevalence import LinearClassifier as LinearClassifier
from ._prevalence import PrevalenceClassifier as PrevalenceClassifier
from ._profile import SectionProfile as SectionProfile
from ._profile import profile_section as profile_section
from ._propagate import propagate as propagate
from ._propagate import random_walk as random_walk
from ._recipe import RECIPES, Recipe
from ._recipe import get_recipe as get_recipe
from ._reference import Reference as Reference
from ._shift import MAX_UNKNOWN as MAX_UNKNOWN
from ._shift import Shift
from ._verdict import LABELLED as LABELLED
from ._verdict import MEASURED as MEASURED
from ._verdict import verdict_rates as verdict_rates
from ._voters import Voters as Voters
from ._voters import score_voters as score_voters

__all__ = ["RECIPES", "Calibration", "Level", "ModelConfig", "Prediction", "Presence", "Recipe", "Shift", "SpaCRD"]
