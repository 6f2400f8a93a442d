"""Preprocessing: patches and their embeddings, cells added up to spots."""

from ._annotate import annotate
from ._extract import extract_patches
from ._pseudospots import pseudospots

__all__ = ["annotate", "extract_patches", "pseudospots"]
