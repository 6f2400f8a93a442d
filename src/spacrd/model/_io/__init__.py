"""Save and load models, as folders and on the hub."""

from ._folder import free_place

__all__ = ["free_place"]
