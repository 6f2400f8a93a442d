"""Preprocessing: images, patches and their embeddings, cells added up to spots."""

from ._add_image import add_image
from ._annotate import annotate
from ._extract import extract_patches
from ._pseudospots import pseudospots
from ._record import warn_unequal as warn_unequal
from ._store import find_store as find_store

__all__ = ["add_image", "annotate", "extract_patches", "pseudospots"]
