"""Pixels: how large they are, and how squares are cut out of a pyramid. Knows no AnnData."""

from ._geometry import Scale, check_placement, find_scale
from ._patches import Pyramid, cut_patches, patch_positions

__all__ = ["Pyramid", "Scale", "check_placement", "cut_patches", "find_scale", "patch_positions"]
