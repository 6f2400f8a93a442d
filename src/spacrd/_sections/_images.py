"""Images of a section: which one is meant, and its pixels."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import check_key, quote_names
from .._keys import Keys
from ..image import Pyramid, check_image
from ._centres import stored_coordinates
from ._crowding import lie_between
from ._elements import matrix_to, transformations, usual_system
from ._levels import levels_of
from ._scale import is_xenium, positive, scale_factors
from ._section import Section

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
    """An image of a section.

    Attributes
    ----------
    name
        Its name in the container.
    pyramid
        Its pixels at one or more resolutions.
    """

    name: str
    pyramid: Pyramid


def anndata_image(section: Section, image_key: str | None) -> SectionImage:
    """Open the image of a section of an AnnData; its coordinate units are full-resolution pixels."""
    factors = scale_factors(section)
    images = _stored_images(section)
    image_key = _choose_stored(images, image_key)
    factor = factors.get(f"tissue_{image_key}_scalef", 1.0 if image_key in ("fullres", "full") else None)
    if factor is None:
        raise KeyError(
            f"scalefactors has no 'tissue_{image_key}_scalef', so the spots cannot be placed on image {image_key!r}. "
            f"Available: {quote_names(factors)}."
        )
    factor = positive(factor, f"scalefactors['tissue_{image_key}_scalef']")
    pixels = _channels_first(images[image_key], image_key)
    return SectionImage(image_key, Pyramid((pixels,), np.diag([factor, factor, 1.0])))


def _stored_images(section: Section) -> Mapping[str, Any]:
    """Return the images that ``uns["spatial"]`` holds of a section, at least one."""
    spatial = section.table.uns.get(Keys.SPATIAL)
    no_image = NO_IMAGE.format(name=section.name, where=" in uns['spatial'][library]['images']")
    if not isinstance(spatial, Mapping) or not spatial:
        raise NoImageError(no_image)
    if section.name not in spatial and len(spatial) > 1:
        raise NoImageError(
            f"uns['spatial'] has no entry {section.name!r}, but {quote_names(spatial)}. Name the obs column that holds "
            "these names with `library_key`, or rename the entries after the sections."
        )
    if section.name not in spatial and _overlaps_others(section):
        raise NoImageError(
            f"uns['spatial'] has one image, {quote_names(spatial)}, but spots of section {section.name!r} and of "
            "others lie on each other, so that they are of several images. Store that of each section under its name."
        )
    entry = spatial.get(section.name, next(iter(spatial.values())))
    images = entry.get("images") or {}
    if not isinstance(images, Mapping):
        raise TypeError(f"uns['spatial'] of {section.name!r} must hold dictionaries 'images' and 'scalefactors'.")
    if not images:
        raise NoImageError(no_image)
    return images


def _choose_stored(images: Mapping[str, Any], image_key: str | None) -> str:
    """Return the name of the image that is meant, or of the finest one."""
    if image_key is None:
        by_size = [key for key in FINEST_FIRST if key in images]
        if not by_size and len(images) > 1:
            raise ValueError(
                f"There are several images and none is named: {quote_names(images)}. Name one with `image_key`."
            )
        image_key = by_size[0] if by_size else next(iter(images))
    return check_key(image_key, images, "image")


def _channels_first(pixels: Any, image_key: str) -> Any:
    """Turn an array (height, width, channels) into (channels, height, width), without reading it."""
    if not hasattr(pixels, "shape"):
        raise TypeError(f"Image {image_key!r} must be an array (height, width, 3), got {type(pixels).__name__}.")
    if not hasattr(pixels, "transpose"):  # zarr and HDF5
        import dask.array as da

        pixels = da.asarray(pixels)
    if np.ma.is_masked(pixels):
        raise ValueError(f"Image {image_key!r} has masked pixels. Fill them, for example with white: `.filled(255)`.")
    if len(pixels.shape) == 2:
        pixels = pixels[:, :, None]
    if len(pixels.shape) != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"Image {image_key!r} has shape {tuple(pixels.shape)}; expected (height, width, 3), 4 or 1 channels."
        )
    pixels = pixels.transpose(2, 0, 1)
    check_image(pixels, f"Image {image_key!r}")
    return pixels


def _overlaps_others(section: Section) -> bool:
    """Whether other sections of the table lie where this one does."""
    xy = stored_coordinates(section.table)[:, :2] if Keys.SPATIAL in section.table.obsm else np.empty((0, 2))
    others = ~np.isin(np.arange(len(xy)), section.all_rows)
    return bool(len(xy)) and lie_between(xy[section.rows], xy[others])


def spatialdata_image(section: Section, image_key: str | None, systems: Collection[str]) -> tuple[SectionImage, str]:
    """Open the image of a section of a SpatialData in one of some coordinate systems; return the system, too."""
    sdata, element = section.sdata, section.element
    assert sdata is not None and element is not None
    image_key = _choose_element(section, set(systems), image_key)
    image = sdata.images[image_key]
    shared = set(systems) & set(transformations(image))
    if not shared:
        raise ValueError(
            f"Image {image_key!r} and {element!r} share no coordinate system: "
            f"{quote_names(transformations(image))} against {quote_names(systems)}. Align them first."
        )
    system = usual_system(shared, element)
    levels = levels_of(image, image_key)
    return SectionImage(image_key, Pyramid(levels, np.linalg.inv(matrix_to(image, system)))), system


def _choose_element(section: Section, systems: set[str], image_key: str | None) -> str:
    sdata, element = section.sdata, section.element
    assert sdata is not None and element is not None
    if image_key is not None:
        return check_key(image_key, sdata.images, "image")
    shared = [name for name, image in sdata.images.items() if systems & set(transformations(image))]
    options = [name for name in shared if name not in FLUORESCENCE]
    if not options:
        where = f" in a coordinate system of {element!r} ({quote_names(sorted(systems))})" if sdata.images else ""
        where += f" but {quote_names(shared)}, which are fluorescence and no H&E" if shared else ""
        raise NoImageError(NO_IMAGE.format(name=element, where=where))
    if len(options) == 1:
        return options[0]
    if "he_image" in options and is_xenium(section):
        return "he_image"
    matches = {name: _OF_READER.match(name) for name in options}
    by_size = {match["size"]: name for name, match in matches.items() if match and _of_slide(element, match)}
    for size in ("full", "hires", "lowres"):
        if size in by_size:
            return by_size[size]
    raise ValueError(
        f"There are several images of {element!r} and none is named: {quote_names(options)}. Name one with `image_key`."
    )


def _of_slide(element: str, image: re.Match[str]) -> bool:
    """Whether an element belongs to the slide of an image.

    Visium HD names its bins after the dataset: ``<id>_square_008um`` belongs to ``<id>_full_image``. What
    `spatialdata.concatenate` appends must be the same.
    """
    slide, suffix = image["slide"], image["section"] or ""
    name = element.removesuffix(suffix)
    return element.endswith(suffix) and (name == slide or not slide or name.startswith(f"{slide}_"))


def names_slide(image: str, element: str) -> bool:
    """Whether the name of an image says that it is of an element, as readers and people name them."""
    match = _OF_READER.match(image)
    return image == element or image.startswith(f"{element}_") or (match is not None and _of_slide(element, match))
