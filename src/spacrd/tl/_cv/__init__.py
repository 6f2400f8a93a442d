"""Cross-validation on arrays: folds, how they run, and what comes out."""

from ._baselines import BASELINES
from ._folds import Fold, FoldSection, fold_sections, make_folds, shared_patients
from ._result import CrossValidation, ignore_values, metrics_table, tables
from ._run import SPACRD, FoldSettings, run_all
from ._store import Store

__all__ = [
    "BASELINES",
    "SPACRD",
    "CrossValidation",
    "Fold",
    "FoldSection",
    "FoldSettings",
    "Store",
    "fold_sections",
    "ignore_values",
    "make_folds",
    "metrics_table",
    "run_all",
    "shared_patients",
    "tables",
]
