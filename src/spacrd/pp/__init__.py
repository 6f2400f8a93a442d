"""Preprocessing: patches and their embeddings, cells added up to spots."""

from ._extract import extract_patches
from ._pseudospots import pseudospots

__all__ = ["extract_patches", "pseudospots"]
