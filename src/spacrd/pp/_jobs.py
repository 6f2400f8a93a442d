"""The patches of one section: where they lie, how large they are, what is recorded about them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import warn
from .._sections import Section
from .._sections._images import SectionImage
from ..image import Cutter, check_placement, patch_positions

FEW_PIXELS = 32
CELL_FIELD_UM = 112.0
"""Side of a patch around a cell or bin: 224 px at 0.5 um, as encoders saw in training. The cell alone says little."""


@dataclass(frozen=True)
class PatchJob:
    """The patches of one section."""

    library: Section
    image: SectionImage
    side: float
    patch_um: float
    level: int
    inside: np.ndarray
    padded: np.ndarray

    @property
    def patch_px(self) -> float:
        """Side of a patch in pixels of the level it is cut from."""
        pyramid = self.image.pyramid
        return self.side * float(np.sqrt(abs(np.linalg.det(pyramid.to_level(self.level)[:2, :2]))))

    def cutter(self, rows: np.ndarray, size: int) -> Cutter:
        """Cuts the patches of these rows, ``size`` pixels wide."""
        image = self.image
        return Cutter(image.pyramid, image.xy[rows], side=self.side, size=size, level=self.level)

    def facts(self, order: np.ndarray) -> dict[str, Any]:
        """What the patches of the rows in ``order`` depend on, but for the pixels."""
        pyramid = self.image.pyramid
        array = pyramid.levels[self.level]
        xy = np.ascontiguousarray(self.image.xy[order], np.float64)
        return {
            "image": self.image.name,
            "image_shape": list(map(int, array.shape)),
            "image_dtype": str(array.dtype),
            "image_place": pyramid.to_level(self.level).ravel().tolist(),
            "patch_side": float(self.side),
            "spots": hashlib.sha256(xy.tobytes()).hexdigest(),
        }


def place(image: SectionImage) -> np.ndarray:
    """Which spots lie on the image, (n,)."""
    pyramid = image.pyramid
    pixels, _ = patch_positions(pyramid, image.xy, 0.0)
    inside = check_placement(pixels, pyramid.height, pyramid.width, f"image {image.name!r}")
    if not inside.all():
        swapped = ((pixels >= 0) & (pixels[:, ::-1] <= [pyramid.width, pyramid.height])).all()
        hint = " With x and y swapped, all would lie on it." if swapped else ""
        warn(
            f"{int((~inside).sum())} of {len(inside)} spots lie off image {image.name!r}: their embedding is NaN.{hint}"
        )
    return inside


def side_of(image: SectionImage, library: Section, patch_um: float | None) -> tuple[float, float]:
    """Side of the patches in coordinate units and micrometres."""
    scale = image.scale
    if patch_um is not None:
        return patch_um / scale.um_per_unit, float(patch_um)
    if image.kind != "spots":
        return CELL_FIELD_UM / scale.um_per_unit, CELL_FIELD_UM
    if math.isfinite(image.spot_diameter) and image.spot_diameter > 0:
        return image.spot_diameter, image.spot_diameter * scale.um_per_unit
    if math.isfinite(scale.spot_um):
        return scale.spot_um / scale.um_per_unit, scale.spot_um
    raise ValueError(
        f"Section {library.name!r} stores no spot diameter, so the side of a patch is open. Pass it as `patch_um`."
    )


def plan_job(
    size: int, library: Section, image: SectionImage, inside: np.ndarray, sides: tuple[float, float]
) -> PatchJob:
    """What to cut, ``size`` pixels wide."""
    side, patch_um = sides
    pyramid = image.pyramid
    pixels = side * float(np.sqrt(abs(np.linalg.det(pyramid.to_level(0)[:2, :2]))))
    if pixels > max(pyramid.height, pyramid.width):  # larger than the section
        raise ValueError(
            f"A patch of {patch_um:.4g} um is {pixels:.4g} px wide, and image {image.name!r} only "
            f"{pyramid.width} x {pyramid.height} px. Give `patch_um` and `mpp` in micrometres."
        )
    _, padded = patch_positions(image.pyramid, image.xy, side)
    level = image.pyramid.best_level(side, size)
    job = PatchJob(library, image, side, patch_um, level, inside, padded & inside)
    if job.patch_px < FEW_PIXELS:
        warn(
            f"A patch of {patch_um:.0f} um is only {job.patch_px:.0f} px wide in image {image.name!r}: little of "
            "the tissue can be seen. Use a finer image (`image_key`) or larger patches (`patch_um`)."
        )
    return job


def section_record(job: PatchJob) -> dict[str, Any]:
    image = job.image
    return {
        "image": image.name,
        "coordinate_system": image.coordinate_system or "",
        "level": job.level,
        "patch_um": round(job.patch_um, 6),
        "patch_px": round(job.patch_px, 6),
        "mpp": image.scale.um_per_unit / image.pyramid.pixels_per_unit,
        "mpp_source": image.scale.source,
        "padding": "reflection",
        "n_patches": int(job.inside.sum()),
        "n_padded": int(job.padded.sum()),
        "n_off_image": int((~job.inside).sum()),
    }


def squares_of(job: PatchJob) -> Any:
    """Patches as polygons in the coordinate system, named like the spots."""
    import geopandas
    import shapely
    from spatialdata.models import ShapesModel
    from spatialdata.transformations import Identity

    xy, half = job.image.xy[job.inside], job.side / 2
    boxes = shapely.box(*(xy - half).T, *(xy + half).T)
    instances = job.library.instance_ids
    index = None if instances is None else np.asarray(instances)[job.inside]
    frame = geopandas.GeoDataFrame(geometry=boxes, index=index)
    return ShapesModel.parse(frame, transformations={str(job.image.coordinate_system): Identity()})
