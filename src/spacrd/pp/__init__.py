"""Preprocessing: patches and their embeddings."""

from ._extract import extract_patches

__all__ = ["extract_patches"]
