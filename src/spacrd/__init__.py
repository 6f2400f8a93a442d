"""spacrd: cancer regions of spatial transcriptomics sections from H&E and expression."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._checks import SpacrdWarning
from ._settings import settings

if TYPE_CHECKING:
    from . import datasets, encoders, features, metrics, model, pl, pp, rivals, tl, train
    from ._legacy import get_anndata
    from ._report import report
    from ._view import view
    from .model import SpaCRD

    __version__: str

__all__ = [
    "SpaCRD",
    "SpacrdWarning",
    "__version__",
    "datasets",
    "encoders",
    "features",
    "get_anndata",
    "metrics",
    "model",
    "pl",
    "pp",
    "report",
    "rivals",
    "settings",
    "tl",
    "train",
    "view",
]

_MODULES = {"datasets", "encoders", "features", "metrics", "model", "pl", "pp", "rivals", "tl", "train"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: torch, timm, squidpy and spatialdata take seconds to import.
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name == "SpaCRD":
        return importlib.import_module(".model", __name__).SpaCRD
    if name == "__version__":  # reading the metadata takes longer than all else here
        return importlib.import_module("importlib.metadata").version("spacrd")
    if name == "get_anndata":
        return importlib.import_module("._legacy", __name__).get_anndata
    if name == "report":
        return importlib.import_module("._report", __name__).report
    if name == "view":
        return importlib.import_module("._view", __name__).view
    raise AttributeError(f"module 'spacrd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
