"""Where the spots of a section lie, on which image, and how large a unit of their coordinates is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._checks import check_key, warn
from .._keys import Keys
from ..image import Pyramid, Scale, find_scale
from ._centres import coordinates, element_centres, flat_coordinates, on_slide
from ._elements import transformations, usual_system
from ._images import NoImageError, SectionImage, anndata_image, spatialdata_image
from ._scale import kind_of, scale_sources, stored_diameter
from ._section import Section
from ._selection import Selection

STRETCHED = 1.1
"""Ratio of an image's two scales in a coordinate system that no registration of a slide needs."""
UNKNOWN_SCALE = Scale(float("nan"), "not looked for")


@dataclass(frozen=True)
class Placement:
    """The spots of a section in one coordinate system, with the image they lie on.

    Attributes
    ----------
    xy
        Spot centres in units of the coordinate system, (n, 2) float64, in the order of ``Section.rows``.
    coordinate_system
        Its name; None for AnnData, whose units are full-resolution pixels.
    spot_diameter
        Stored spot diameter in units of the coordinate system; NaN if unknown.
    image
        The image; None if the spots were placed without one.
    scale
        Micrometres per unit of the coordinate system and how they were found; NaN if they were not looked for.
    """

    xy: np.ndarray
    coordinate_system: str | None
    spot_diameter: float = float("nan")
    image: SectionImage | None = None
    scale: Scale = UNKNOWN_SCALE

    @property
    def image_name(self) -> str:
        """Name of the image; only of spots that lie on one."""
        assert self.image is not None
        return self.image.name

    @property
    def pyramid(self) -> Pyramid:
        """Pixels of the image; only of spots that lie on one."""
        assert self.image is not None
        return self.image.pyramid

    @property
    def um_per_unit(self) -> float:
        """Micrometres per unit of the coordinate system; NaN if they were not looked for."""
        return self.scale.um_per_unit

    @property
    def to_pixels(self) -> np.ndarray:
        """3 x 3 matrix from the coordinate system to pixels of the image; without one, units are pixels."""
        return np.eye(3) if self.image is None else self.image.pyramid.to_pixels


def place_on_image(section: Section, selection: Selection) -> Placement:
    """Place spots on the image of their section, whose pixels are not read.

    Parameters
    ----------
    section
        The section.
    selection
        ``image_key``: by default the only image, or the finest of those that the reader made of one slide.
        ``coordinate_system``: by default one that the spots and the image share.

    Raises
    ------
    ValueError
        If there are several images and none is named; ``NoImageError`` if there is none.
    KeyError
        If a name is unknown, or spots are missing in the element that the table annotates.
    """
    if section.sdata is None:
        if selection.coordinate_system is not None:
            raise ValueError("coordinate_system is for SpatialData; an AnnData has none.")
        image = anndata_image(section, selection.image_key)
        return Placement(_stored_centres(section), None, stored_diameter(section), image)
    image, system = spatialdata_image(section, selection.image_key, _systems(section, selection))
    return replace(place_in_system(section, system), image=image)


def place_rows(section: Section, selection: Selection) -> Placement:
    """Place spots without their image, in the coordinate system in which they would be placed on it."""
    if section.sdata is None or section.element is None:
        return Placement(coordinates(section), None, stored_diameter(section))
    systems = _systems(section, selection)
    of_images = {name for image in section.sdata.images.values() for name in transformations(image)}
    return place_in_system(section, usual_system(systems & of_images or systems, section.element))


def place_spots(section: Section, selection: Selection) -> Placement:
    """Place spots on the image of their section; where there is none, and none was named, by their coordinates."""
    named = selection.image_key is not None or selection.coordinate_system is not None
    if section.sdata is None or section.element is not None or named:
        try:
            return place_on_image(section, selection)
        except NoImageError:
            if named:
                raise
    return Placement(coordinates(section), None)


def place_in_system(section: Section, system: str) -> Placement:
    """Place spots in a coordinate system by the element that they annotate, with their diameter if they have one."""
    centres, sizes = element_centres(section, system)
    # Cells differ in size and have no spot diameter.
    equal = kind_of(section) != "cells" and np.isfinite(sizes).all() and np.ptp(sizes) <= 0.02 * sizes.mean()
    return Placement(on_slide(centres), system, float(np.median(sizes)) if equal else float("nan"))


def with_scale(placement: Placement, section: Section, mpp: float | None = None) -> Placement:
    """Find the scale of a placement.

    Parameters
    ----------
    placement
        Where the spots lie.
    section
        Their section.
    mpp
        Micrometres per pixel of the finest level of the image, without an image per unit of the coordinate system; by
        default found from the spots.

    Raises
    ------
    ValueError
        If the scale cannot be found or be right.
    """
    pixels_per_unit = 1.0
    if placement.image is not None:
        pixels_per_unit = placement.pyramid.pixels_per_unit
        longest, shortest = np.linalg.svd(placement.to_pixels[:2, :2], compute_uv=False)
        if longest > STRETCHED * shortest:
            warn(
                f"Coordinate system {placement.coordinate_system!r} stretches image {placement.image_name!r} by "
                f"{longest / shortest:.3g} in one direction. Squares in it are none on the image, and lengths in "
                "micrometres are a mean of both."
            )
    sources = scale_sources(section, placement.xy, placement.coordinate_system, placement.spot_diameter)
    return replace(placement, scale=find_scale(placement.xy, **sources, mpp=mpp, pixels_per_unit=pixels_per_unit))


def _systems(section: Section, selection: Selection) -> set[str]:
    """Return the coordinate systems of the annotated element, or the one of them that was asked for."""
    systems = transformations(section.annotated_element())
    if selection.coordinate_system is None:
        return set(systems)
    return {check_key(selection.coordinate_system, systems, f"coordinate system of {section.element!r}")}


def _stored_centres(section: Section) -> np.ndarray:
    obsm = section.table.obsm
    check_key(Keys.SPATIAL, obsm, "obsm slot", hint="It should hold the spot centres in full-resolution pixels.")
    return on_slide(flat_coordinates(section))
