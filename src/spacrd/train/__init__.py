"""Fit models on sections given as arrays; Lightning is imported when a network trains."""

from .._hardware import Hardware
from ._contracts import expression_contract as expression_contract
from ._fit import fit_sections
from ._settings import FitSettings

__all__ = ["FitSettings", "Hardware", "fit_sections"]
