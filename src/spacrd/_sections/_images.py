"""The image of a section, its scale and the spots on it, from AnnData and SpatialData."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import check_key, quote_names, warn
from .._keys import Keys
from ..image import Pyramid, Scale, find_scale
from ..image._tiles import check_image
from ._centres import instances, matrix_to, place_instances, transformations
from ._levels import levels_of
from ._scale import is_xenium, kind_of, positive, scale_factors, scale_sources, stored_diameter
from ._tables import Section, coordinates, stored_coordinates

STRETCHED = 1.1
"""Ratio of an image's two scales in a coordinate system that no registration of a slide needs."""
FINEST_FIRST = ("fullres", "full", "hires", "lowres")
_OF_READER = re.compile(r"^(?P<slide>.*)_(?P<size>full|hires|lowres)_image(?P<section>-.*)?$")
FLUORESCENCE = ("morphology_focus", "morphology_mip", "if_image")
"""What the Xenium reader calls images that are no H&E: used only if they are named."""
NO_IMAGE = (
    "Section {name!r} has no image{where}. Add one, or work without: fitting and scoring on expression alone "
    "(`modality='expression'`) needs no image and no patches."
)


class NoImageError(ValueError):
    """The section has no image."""


@dataclass(frozen=True)
class SectionImage:
    """Everything that cutting patches needs; arrays only.

    Attributes
    ----------
    name
        Name of the image in its object.
    pyramid
        Its pixels at one or more resolutions.
    xy
        Spot centres in units of the coordinate system, (n, 2) float64, in the order of ``Section.rows``.
    scale
        Micrometres per unit of the coordinate system and how they were found.
    coordinate_system
        Name of the coordinate system; None for AnnData, where it is the full-resolution image.
    spot_diameter
        Stored spot diameter in units of the coordinate system; NaN if unknown.
    kind
        ``"spots"``, ``"bins"`` or ``"cells"``.
    """

    name: str
    pyramid: Pyramid
    xy: np.ndarray
    scale: Scale
    coordinate_system: str | None
    spot_diameter: float
    kind: str = "spots"


def open_image(
    library: Section,
    *,
    image_key: str | None = None,
    coordinate_system: str | None = None,
    mpp: float | None = None,
) -> SectionImage:
    """Open the image of a section without reading its pixels.

    Parameters
    ----------
    library
        The section.
    image_key
        Name of the image; by default the only one, or the finest of the images that the reader made of one slide.
    coordinate_system
        Coordinate system shared by the spots and the image (SpatialData only).
    mpp
        Micrometres per pixel of the finest level of the image; by default found from the spots.

    Returns
    -------
    The image, with the spots and their scale.

    Raises
    ------
    ValueError
        If there is no image, or several and none is named, or the scale cannot be found or be right.
    KeyError
        If a name is unknown, or spots are missing in the element that the table annotates.
    """
    name, pyramid, xy, diameter, coordinate_system = place_image(library, image_key, coordinate_system)
    longest, shortest = np.linalg.svd(pyramid.to_pixels[:2, :2], compute_uv=False)
    if longest > STRETCHED * shortest:
        warn(
            f"Coordinate system {coordinate_system!r} stretches image {name!r} by {longest / shortest:.3g} in one "
            "direction. Squares in it are none on the image, and lengths in micrometres are a mean of both."
        )
    sources = scale_sources(library, xy, coordinate_system, diameter)
    scale = find_scale(xy, **sources, mpp=mpp, pixels_per_unit=pyramid.pixels_per_unit)
    return SectionImage(name, pyramid, xy, scale, coordinate_system, diameter, kind_of(library))


def place_rows(
    library: Section, coordinate_system: str | None, mpp: float | None
) -> tuple[np.ndarray, Scale, str | None]:
    """Centres, (n, 2), and scale of the rows in a coordinate system of an image, if there is one; and its name.

    ``mpp`` is in micrometres per unit of that system.
    """
    if library.sdata is None or library.region is None:
        xy, system, diameter = coordinates(library), None, stored_diameter(library)
    else:
        element = library.sdata[library.region]
        own = transformations(element)
        if coordinate_system is not None:
            check_key(coordinate_system, own, f"coordinate system of {library.region!r}")
        seen = {name for image in library.sdata.images.values() for name in transformations(image)} & set(own)
        system = coordinate_system or _usual(seen or set(own), library.region)
        xy, diameter = _element_spots(element, library, system)
    return xy, find_scale(xy, **scale_sources(library, xy, system, diameter), mpp=mpp), system


def _usual(systems: set[str], region: str) -> str:
    """The coordinate system that patches are cut in."""
    return next((name for name in (region, "global") if name in systems), min(systems))


def place_image(
    library: Section, image_key: str | None, coordinate_system: str | None
) -> tuple[str, Pyramid, np.ndarray, float, str | None]:
    """Name, pixels, spot centres, spot diameter and coordinate system of an image whose scale need not be known."""
    if library.sdata is not None:
        return _from_spatialdata(library, image_key, coordinate_system)
    if coordinate_system is not None:
        raise ValueError("coordinate_system is for SpatialData; an AnnData has none.")
    return *_from_anndata(library, image_key), None


def _from_anndata(library: Section, image_key: str | None) -> tuple[str, Pyramid, np.ndarray, float]:
    table = library.table
    spatial = table.uns.get(Keys.SPATIAL)
    no_image = NO_IMAGE.format(name=library.name, where=" in uns['spatial'][library]['images']")
    if not isinstance(spatial, Mapping) or not spatial:
        raise NoImageError(no_image)
    if library.name not in spatial and len(spatial) > 1:
        raise KeyError(
            f"uns['spatial'] has no entry {library.name!r}. Available: {quote_names(spatial)}. "
            "Name the obs column of section names with `library_key`."
        )
    if library.name not in spatial and _overlaps_others(library):
        raise NoImageError(
            f"uns['spatial'] has one image, {quote_names(spatial)}, but spots of section {library.name!r} and of "
            "others lie on each other, so that they are of several images. Store that of each section under its name."
        )
    entry = spatial.get(library.name, next(iter(spatial.values())))
    factors = scale_factors(library)
    images = entry.get("images") or {}
    if not isinstance(images, Mapping):
        raise TypeError(f"uns['spatial'] of {library.name!r} must hold dictionaries 'images' and 'scalefactors'.")
    if not images:
        raise NoImageError(no_image)
    if image_key is None:
        known = [key for key in FINEST_FIRST if key in images]
        if not known and len(images) > 1:
            raise ValueError(
                f"There are several images and none is named: {quote_names(images)}. Name one with `image_key`."
            )
        image_key = known[0] if known else next(iter(images))
    check_key(image_key, images, "image")
    factor = factors.get(f"tissue_{image_key}_scalef", 1.0 if image_key in ("fullres", "full") else None)
    if factor is None:
        raise KeyError(
            f"scalefactors has no 'tissue_{image_key}_scalef', so the spots cannot be placed on image {image_key!r}. "
            f"Available: {quote_names(factors)}."
        )
    factor = positive(factor, f"scalefactors['tissue_{image_key}_scalef']")
    pixels = images[image_key]
    if not hasattr(pixels, "shape"):
        raise TypeError(f"Image {image_key!r} must be an array (height, width, 3), got {type(pixels).__name__}.")
    if not hasattr(pixels, "transpose"):  # zarr and HDF5
        import dask.array as da

        pixels = da.asarray(pixels)
    if len(pixels.shape) == 2:
        pixels = pixels[:, :, None]
    if len(pixels.shape) != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"Image {image_key!r} has shape {tuple(pixels.shape)}; expected (height, width, 3), 4 or 1 channels."
        )
    pixels = pixels.transpose(2, 0, 1)
    check_image(pixels, f"Image {image_key!r}")
    xy = _stored_centres(library)
    return image_key, Pyramid((pixels,), np.diag([factor, factor, 1.0])), xy, stored_diameter(library)


def _overlaps_others(library: Section) -> bool:
    """Whether other sections of the table lie where this one does, which pieces of tissue on one slide do not."""
    from scipy.spatial import cKDTree

    xy = stored_coordinates(library.table)[:, :2] if Keys.SPATIAL in library.table.obsm else np.empty((0, 2))
    own = np.isin(np.arange(len(xy)), library.rows)
    known = np.isfinite(xy).all(axis=1)
    here, others = np.unique(xy[own & known], axis=0), xy[~own & known]
    if len(here) < 2 or not len(others):
        return False
    tree = cKDTree(here)
    pitch = float(np.median(tree.query(here, k=2)[0][:, 1]))
    # Spots of one lattice are a pitch apart; where two lie on each other, each spot has one of the other nearer by.
    return bool((tree.query(others)[0] < 0.75 * pitch).mean() > 0.25)


def _stored_centres(library: Section) -> np.ndarray:
    obsm = library.table.obsm
    check_key(Keys.SPATIAL, obsm, "obsm slot", hint="It should hold the spot centres in full-resolution pixels.")
    xy = stored_coordinates(library.table)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ValueError(f"obsm['spatial'] must have shape (n_obs, 2), got {xy.shape}.")
    return xy[library.rows]


def _from_spatialdata(
    library: Section, image_key: str | None, coordinate_system: str | None
) -> tuple[str, Pyramid, np.ndarray, float, str]:
    sdata, region = library.sdata, library.region
    if sdata is None or region is None or library.instance_ids is None:
        raise ValueError(
            "The table annotates no element, so its rows have no place on an image. Set its region, region_key and "
            "instance_key with `spatialdata.models.TableModel.parse`."
        )
    elements = {**sdata.shapes, **sdata.labels, **sdata.points}
    check_key(region, elements, "element annotated by the table")
    spots = elements[region]
    spot_systems = transformations(spots)
    if coordinate_system is not None:
        check_key(coordinate_system, spot_systems, f"coordinate system of {region!r}")
        spot_systems = {coordinate_system: spot_systems[coordinate_system]}
    image_key = _choose_image(library, set(spot_systems), image_key)
    shared = set(spot_systems) & set(transformations(sdata.images[image_key]))
    if not shared:
        raise ValueError(
            f"Image {image_key!r} and {region!r} share no coordinate system: "
            f"{quote_names(transformations(sdata.images[image_key]))} against {quote_names(spot_systems)}. Align them "
            "first."
        )
    system = _usual(shared, region)
    image = sdata.images[image_key]
    levels = levels_of(image, image_key)
    pyramid = Pyramid(levels, np.linalg.inv(matrix_to(image, system)))
    xy, diameter = _element_spots(spots, library, system)
    return image_key, pyramid, xy, diameter, system


def _choose_image(library: Section, systems: set[str], image_key: str | None) -> str:
    sdata, region = library.sdata, library.region
    assert sdata is not None and region is not None
    if image_key is not None:
        return check_key(image_key, sdata.images, "image")
    shared = [name for name, image in sdata.images.items() if systems & set(transformations(image))]
    options = [name for name in shared if name not in FLUORESCENCE]
    if not options:
        where = f" in a coordinate system of {region!r} ({quote_names(sorted(systems))})" if sdata.images else ""
        where += f" but {quote_names(shared)}, which are fluorescence and no H&E" if shared else ""
        raise NoImageError(NO_IMAGE.format(name=region, where=where))
    if len(options) == 1:
        return options[0]
    if "he_image" in options and is_xenium(library):
        return "he_image"
    named = {found["size"]: name for name in options if (found := _OF_READER.match(name)) and _of_slide(region, found)}
    for size in ("full", "hires", "lowres"):
        if size in named:
            return named[size]
    raise ValueError(
        f"There are several images of {region!r} and none is named: {quote_names(options)}. Name one with `image_key`."
    )


def _of_slide(region: str, image: re.Match[str]) -> bool:
    """Whether an element belongs to the slide of an image.

    Visium HD names its bins after the dataset: ``<id>_square_008um`` belongs to ``<id>_full_image``. What
    `spatialdata.concatenate` appends must be the same.
    """
    slide, section = image["slide"], image["section"] or ""
    own = region.removesuffix(section)
    return region.endswith(section) and (own == slide or not slide or own.startswith(f"{slide}_"))


def _element_spots(spots: Any, library: Section, system: str) -> tuple[np.ndarray, float]:
    """Centres in table order and spot diameter, both in units of the coordinate system."""
    index, centres, sizes = instances(spots, system)
    found = place_instances(library, index)
    sizes = sizes[found]
    # Cells differ in size and have no spot diameter.
    equal = kind_of(library) != "cells" and np.isfinite(sizes).all() and np.ptp(sizes) <= 0.02 * sizes.mean()
    return centres[found], float(np.median(sizes)) if equal else float("nan")
