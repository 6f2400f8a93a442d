"""Pixels: how large they are, and how squares are cut out of a pyramid. Knows no AnnData."""

from ._geometry import Scale, check_placement, find_scale
from ._lazy import held_on_cluster
from ._patches import Cutter, Pyramid, patch_positions

__all__ = ["Cutter", "Pyramid", "Scale", "check_placement", "find_scale", "held_on_cluster", "patch_positions"]
