"""Pixels: files of them, how large they are, and how squares are cut out of a pyramid. Knows no AnnData."""

from ._alignment import check_landmarks, check_matrix, read_alignment, warn_misfit
from ._bounds import check_placement
from ._file import ImageFile, open_image_file
from ._lattice import ST_PITCH, ST_SPOT, VISIUM_PITCH, fit_similarity, misplacement, nearest_step, off_array
from ._patches import Cutter, Pyramid, patch_positions
from ._scale import Scale, find_scale
from ._tiles import as_rgb, check_image
from ._windows import held_on_cluster, is_cheap, read_window, window_reader

__all__ = [
    "ST_PITCH",
    "ST_SPOT",
    "VISIUM_PITCH",
    "Cutter",
    "ImageFile",
    "Pyramid",
    "Scale",
    "as_rgb",
    "check_image",
    "check_landmarks",
    "check_matrix",
    "check_placement",
    "find_scale",
    "fit_similarity",
    "held_on_cluster",
    "is_cheap",
    "misplacement",
    "nearest_step",
    "off_array",
    "open_image_file",
    "patch_positions",
    "read_alignment",
    "read_window",
    "warn_misfit",
    "window_reader",
]
