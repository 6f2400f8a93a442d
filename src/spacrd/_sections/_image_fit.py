"""Whether an image is that of a section: no other section's, and not at another size than its scale factor says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._checks import quote_names, warn
from .._keys import Keys
from ..image import nearest_step
from ._centres import stored_coordinates
from ._crowding import lie_between
from ._elements import instances, matrix_to, transformations
from ._images import NoImageError, names_slide
from ._placement import Placement
from ._scale import scale_factors
from ._section import Section
from ._selection import Selection

LARGEST = {"hires": 6500, "lowres": 1300}
"""Longest side in pixels that Space Ranger writes: 2000, 4000 or 6000, and 600 or 1200, by the kind of slide."""
CORNER = 0.5
"""Share of both sides of an image within which spots fill a corner of it."""
APART = 0.5
"""Share of the distance of spots by which two coordinate systems may place them differently on one image."""


def check_image_fit(section: Section, placement: Placement, selection: Selection) -> None:
    """Refuse an image of another section, and question one that spots do not fit.

    Parameters
    ----------
    section
        The section.
    placement
        Its spots on the image.
    selection
        What the caller named: with ``region`` and ``image_key``, the image is that of the region.

    Raises
    ------
    NoImageError
        If other sections lie where this one does, and the image is not certainly of this one.
    """
    if section.sdata is not None and (selection.region is None or selection.image_key is None):
        _check_owner(section, placement)
    if section.sdata is None:
        _question_size(section, placement)
    elif selection.coordinate_system is None:
        _compare_systems(section, placement)
    _question_corner(section, placement)


def _check_owner(section: Section, placement: Placement) -> None:
    """Raise NoImageError for an image under several sections that lie on each other, unless its name says whose."""
    image, system = placement.image_name, str(placement.coordinate_system)
    others = [name for name, xy in _neighbours(section, system).items() if lie_between(placement.xy, xy)]
    if not others:
        return
    own = str(section.element)
    named = [name for name in (own, *others) if names_slide(image, name)]
    longest = max(named, key=len, default=None)
    if longest == own:
        return
    where = f"Spots of {own!r} and {quote_names(others, 5)} lie on each other in coordinate system {system!r}, so that"
    if longest is not None:
        raise NoImageError(
            f"{where} image {image!r}, which is that of {longest!r}, is not that of {own!r}. Add its own image, or "
            "work on expression alone (`modality='expression'`)."
        )
    raise NoImageError(
        f"{where} image {image!r} can be of one of them only. Name both with `region` and `image_key`, or give each "
        "section a coordinate system of its own."
    )


def _neighbours(section: Section, system: str) -> dict[str, np.ndarray]:
    """Locate the other sections in a coordinate system: elements of the same table, and circles of other tables.

    Bins and cells of Visium HD, in tables of their own, lie on each other on the same slide.
    """
    sdata = section.sdata
    assert sdata is not None
    own = sdata.shapes.get(section.element)
    found = {}
    for table in sdata.tables.values():
        same = table is section.table
        key = (table.uns.get("spatialdata_attrs") or {}).get("region_key")
        for name in table.obs[key].astype(str).unique() if key in table.obs else ():
            element = sdata.get(name)
            circles = all(hasattr(one, "columns") and "radius" in one.columns for one in (own, element))
            other = name != section.element and element is not None and (same or circles)
            if other and system in transformations(element):
                found[name] = instances(element, system)[1]
    return found


def _question_size(section: Section, placement: Placement) -> None:
    """Warn of an image that is not of the size which the scale factors say."""
    image, pyramid = placement.image_name, placement.pyramid
    longest = max(pyramid.width, pyramid.height)
    if longest > LARGEST.get(image, longest):
        warn(
            f"Image {image!r} is {pyramid.width} x {pyramid.height} px, larger than Space Ranger writes it. Is it the "
            "full-resolution image? Then store it as 'fullres': the scale factor is that of another image."
        )
    factors = scale_factors(section)
    for key, pixels in _images(section).items():
        factor = factors.get(f"tissue_{key}_scalef")
        if key == image or factor is None or not hasattr(pixels, "shape"):
            continue
        full = np.array([pixels.shape[1], pixels.shape[0]]) / float(factor)
        here = np.array([pyramid.width, pyramid.height]) / pyramid.pixels_per_unit
        if np.abs(full - here).max() > 0.02 * here.max() + 2 / min(float(factor), pyramid.pixels_per_unit):
            warn(
                f"Images {image!r} and {key!r} are of sections of different size by their scale factors: "
                f"{here[0]:.0f} x {here[1]:.0f} against {full[0]:.0f} x {full[1]:.0f} full-resolution pixels. One of "
                "the images, or of 'tissue_..._scalef', is another's."
            )


def _images(section: Section) -> Mapping[str, object]:
    spatial = section.table.uns.get(Keys.SPATIAL) or {}
    entry = spatial.get(section.name, next(iter(spatial.values()), {}))
    return entry.get("images") or {}


def _question_corner(section: Section, placement: Placement) -> None:
    """Warn if all spots on an image, also those of other sections, lie in its upper left corner."""
    pyramid = placement.pyramid
    if section.sdata is not None:
        groups = [placement.xy, *_neighbours(section, str(placement.coordinate_system)).values()]
    else:
        groups = [placement.xy, stored_coordinates(section.table)[:, :2]]
    xy = np.concatenate(groups)
    pixels = xy[np.isfinite(xy).all(axis=1)] @ placement.to_pixels[:2, :2].T + placement.to_pixels[:2, 2]
    size = np.array([pyramid.width, pyramid.height])
    pixels = pixels[(pixels >= 0).all(axis=1) & (pixels <= size).all(axis=1)]
    if len(pixels) >= 12 and (pixels.max(axis=0) / size).max() < CORNER:
        width, height = (100 * pixels.max(axis=0) / size).round()
        warn(
            f"All spots lie in the upper left corner of image {placement.image_name!r}, in {width:.0f} % of its width "
            f"and {height:.0f} % of its height. Is its scale that of another image, such as a full-resolution image "
            "stored as 'hires'?"
        )


def _compare_systems(section: Section, placement: Placement) -> None:
    """Warn if another coordinate system places the spots elsewhere on the same image."""
    assert section.sdata is not None
    image, element = section.sdata.images[placement.image_name], section.annotated_element()
    here = str(placement.coordinate_system)
    on_image = placement.to_pixels @ matrix_to(element, here)
    xy = placement.xy[np.isfinite(placement.xy).all(axis=1)]
    if len(np.unique(xy, axis=0)) < 2:
        return
    own = np.column_stack([xy, np.ones(len(xy))]) @ np.linalg.inv(matrix_to(element, here)).T
    spacing = nearest_step(own @ on_image.T, np.median)
    for other in sorted(set(transformations(image)) & set(transformations(element)) - {here}):
        there = np.linalg.inv(matrix_to(image, other)) @ matrix_to(element, other)
        shift = np.linalg.norm(own @ (there - on_image).T, axis=1)
        if np.median(shift) > max(2.0, APART * spacing):
            warn(
                f"Coordinate systems {here!r} and {other!r} place {section.element!r} {np.median(shift):.0f} px "
                f"apart on image {placement.image_name!r}. {here!r} is used; name the right one with "
                "`coordinate_system`."
            )
