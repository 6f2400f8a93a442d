"""The patches of one section: where they lie, how large they are, what is recorded about them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import warn
from .._sections import (
    Placement,
    Section,
    Selection,
    check_image_fit,
    check_one_section,
    kind_of,
    place_on_image,
    square_shapes,
    with_scale,
)
from ..image import Cutter, check_placement, patch_positions
from ._looks import check_looks

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FEW_PIXELS = 32
CELL_FIELD_UM = 112.0
"""Side of a patch around a cell or bin: 224 px at 0.5 um, as encoders saw in training. The cell alone says little."""


@dataclass(frozen=True)
class Squares:
    """The squares around the spots of one section, before the size of a patch in pixels is known.

    Attributes
    ----------
    section
        The section.
    placement
        Its spots on its image, with their scale.
    side
        Side of a square in units of the coordinate system.
    patch_um
        The same in micrometres.
    inside
        Which spots lie on the image, (n,).
    """

    section: Section
    placement: Placement
    side: float
    patch_um: float
    inside: np.ndarray


@dataclass(frozen=True)
class PatchJob(Squares):
    """The patches of one section.

    Attributes
    ----------
    level
        Level of the pyramid that they are cut from.
    padded
        Which patches reach beyond the border, (n,).
    """

    level: int
    padded: np.ndarray

    @property
    def patch_px(self) -> float:
        """Side of a patch in pixels of the level it is cut from."""
        return _in_pixels(self, self.level)

    def cutter(self, rows: np.ndarray, size: int) -> Cutter:
        """Return a cutter of the patches of these rows, ``size`` pixels wide."""
        placement = self.placement
        return Cutter(placement.pyramid, placement.xy[rows], side=self.side, size=size, level=self.level)

    def facts(self, order: np.ndarray) -> dict[str, Any]:
        """Return what the patches of the rows in ``order`` depend on, but for the pixels."""
        pyramid = self.placement.pyramid
        array = pyramid.levels[self.level]
        xy = np.ascontiguousarray(self.placement.xy[order], np.float64)
        return {
            "image": self.placement.image_name,
            "image_shape": list(map(int, array.shape)),
            "image_dtype": str(array.dtype),
            "image_place": pyramid.to_level(self.level).ravel().tolist(),
            "patch_side": float(self.side),
            "spots": hashlib.sha256(xy.tobytes()).hexdigest(),
        }


def locate_squares(section: Section, selection: Selection, patch_um: float | None, mpp: float | None) -> Squares:
    """Find the squares around the spots of a section on its image."""
    placement = place_on_image(section, selection)
    check_one_section(section, placement.xy)
    check_image_fit(section, placement, selection)
    placement = with_scale(placement, section, mpp)
    inside = _on_image(placement)
    check_looks(placement, inside)
    return Squares(section, placement, *_sides(placement, section, patch_um), inside)


def _on_image(placement: Placement) -> np.ndarray:
    """Find the spots that lie on the image, (n,), and warn of the others."""
    pyramid = placement.pyramid
    pixels, _ = patch_positions(pyramid, placement.xy, 0.0)
    inside = check_placement(pixels, pyramid.height, pyramid.width, f"image {placement.image_name!r}")
    if not inside.all():
        swapped = ((pixels >= 0) & (pixels[:, ::-1] <= [pyramid.width, pyramid.height])).all()
        hint = " With x and y swapped, all would lie on it." if swapped else ""
        warn(
            f"{int((~inside).sum())} of {len(inside)} spots lie off image {placement.image_name!r}: "
            f"their embedding is NaN.{hint}"
        )
    return inside


def _sides(placement: Placement, section: Section, patch_um: float | None) -> tuple[float, float]:
    """Return the side of the squares in coordinate units and in micrometres."""
    scale, diameter = placement.scale, placement.spot_diameter
    if patch_um is not None:
        return patch_um / scale.um_per_unit, float(patch_um)
    if kind_of(section) != "spots":
        return CELL_FIELD_UM / scale.um_per_unit, CELL_FIELD_UM
    if math.isfinite(diameter) and diameter > 0:
        return diameter, diameter * scale.um_per_unit
    if math.isfinite(scale.spot_um):
        return scale.spot_um / scale.um_per_unit, scale.spot_um
    raise ValueError(
        f"Section {section.name!r} stores no spot diameter, so the side of a patch is open. Pass it as `patch_um`."
    )


def _in_pixels(squares: Squares, level: int) -> float:
    """Return the side of the squares in pixels of a level."""
    matrix = squares.placement.pyramid.to_level(level)
    return squares.side * float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


def plan_job(squares: Squares, size: int) -> PatchJob:
    """Choose the level that patches of ``size`` pixels are cut from."""
    pyramid, name, patch_um = squares.placement.pyramid, squares.placement.image_name, squares.patch_um
    pixels = _in_pixels(squares, 0)
    if pixels > max(pyramid.height, pyramid.width):  # larger than the section
        raise ValueError(
            f"A patch of {patch_um:.4g} um is {pixels:.4g} px wide, and image {name!r} only "
            f"{pyramid.width} x {pyramid.height} px. Give `patch_um` and `mpp` in micrometres."
        )
    if pixels < 1:
        raise ValueError(
            f"A patch of {patch_um:.4g} um is {pixels:.2g} px wide in image {name!r}: nothing can be seen in it. "
            "Give `patch_um` and `mpp` in micrometres."
        )
    _, beyond = patch_positions(pyramid, squares.placement.xy, squares.side)
    job = PatchJob(
        squares.section,
        squares.placement,
        squares.side,
        patch_um,
        squares.inside,
        level=pyramid.best_level(squares.side, size),
        padded=beyond & squares.inside,
    )
    if job.patch_px < FEW_PIXELS:
        warn(
            f"A patch of {patch_um:.0f} um is only {job.patch_px:.0f} px wide in image {name!r}: little of "
            "the tissue can be seen. Use a finer image (`image_key`) or larger patches (`patch_um`)."
        )
    return job


def section_record(job: PatchJob) -> dict[str, Any]:
    """Return what is recorded about the patches of a section."""
    placement = job.placement
    return {
        "image": placement.image_name,
        "coordinate_system": placement.coordinate_system or "",
        "level": job.level,
        "patch_um": round(job.patch_um, 6),
        "patch_px": round(job.patch_px, 6),
        "mpp": placement.um_per_unit / placement.pyramid.pixels_per_unit,
        "mpp_source": placement.scale.source,
        "padding": "reflection",
        "n_patches": int(job.inside.sum()),
        "n_padded": int(job.padded.sum()),
        "n_off_image": int((~job.inside).sum()),
    }


def squares_of(job: PatchJob) -> GeoDataFrame:
    """Return the patches as polygons in the coordinate system, named like the spots."""
    instances = job.section.instance_ids
    names = None if instances is None else np.asarray(instances)[job.inside]
    return square_shapes(job.placement.xy[job.inside], job.side, names, str(job.placement.coordinate_system))
