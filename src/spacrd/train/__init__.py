"""Fit models on sections given as arrays; Lightning is imported when a network trains."""

from ._contracts import expression_contract
from ._fit import fit_sections
from ._settings import FitSettings

__all__ = ["FitSettings", "expression_contract", "fit_sections"]
