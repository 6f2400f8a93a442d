"""Cross-validation on arrays."""

from ._competitors import Competitor as Competitor
from ._competitors import competitors as competitors
from ._folds import Fold as Fold
from ._folds import FoldSection as FoldSection
from ._folds import fold_sections as fold_sections
from ._folds import make_folds as make_folds
from ._folds import shared_patients as shared_patients
from ._result import CrossValidation as CrossValidation
from ._result import ignore_values as ignore_values
from ._result import metrics_table as metrics_table
from ._result import tables as tables
from ._run import FoldSettings as FoldSettings
from ._run import run_all as run_all
from ._store import Store as Store
