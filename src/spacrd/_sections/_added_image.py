"""Images added to a SpatialData: the element, its name, and where it lies."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._checks import check_bools, check_key, check_result_key, quote_names
from .._keys import Keys
from ..image import Pyramid, check_landmarks, warn_misfit
from ._elements import centres_of, instances, matrix_to, transformations, usual_system
from ._images import SectionImage
from ._levels import levels_of
from ._placement import Placement, place_in_system
from ._scale import is_xenium, pseudospots_record
from ._section import Section

_CHUNK = 1024
_SMALLEST = 512
"""Levels are made until the longer side of an image is no longer than this."""


def image_element(levels: Sequence[Any], placed: Mapping[str, Any]) -> Any:
    """Make an image element of lazy levels (c, y, x), finest first, with its transformations by coordinate system.

    Of one level, smaller ones are made, which are computed when they are read.
    """
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import set_transformation
    from xarray import DataArray, Dataset, DataTree

    finest = levels[0]
    channels = ["r", "g", "b", "a"][: finest.shape[0]] if finest.shape[0] > 1 else ["grey"]
    if len(levels) == 1:
        halvings = max(0, math.ceil(math.log2(max(finest.shape[1:]) / _SMALLEST)))
        factors = [2] * min(halvings, int(math.log2(min(finest.shape[1:]))))
        return Image2DModel.parse(
            finest,
            dims=("c", "y", "x"),
            c_coords=channels,
            scale_factors=factors or None,
            transformations=dict(placed),
        )
    scales = {}
    for number, level in enumerate(levels):
        centres = {
            axis: (np.arange(length) + 0.5) * (whole / length)
            for axis, length, whole in zip("yx", level.shape[1:], finest.shape[1:], strict=True)
        }
        pixels = DataArray(level, dims=("c", "y", "x"), name="image", coords={"c": channels, **centres})
        scales[f"scale{number}"] = Dataset({"image": pixels})
    tree = DataTree.from_dict(scales)
    set_transformation(tree, dict(placed), set_all=True)
    Image2DModel().validate(tree)
    return tree


def name_image(section: Section, key: str | None, *, overwrite: bool) -> str:
    """Return the name of a new image element, checked; by default one that is found without being named.

    Raises
    ------
    ValueError
        If no element can have this name, or one has it and is not to be replaced.
    """
    check_bools(overwrite=overwrite)
    assert section.sdata is not None
    if key is None:
        key = "he_image" if is_xenium(section) else f"{Keys.element(section.element or section.name)}_full_image"
    check_result_key(key, "key")
    if not re.fullmatch(r"[\w.-]+", key):
        raise ValueError(f"key={key!r} cannot name an element: use letters, digits, '_', '.' and '-'.")
    kinds = {name: kind for kind, name, _ in section.sdata.gen_elements()}
    same = [name for name in kinds if name.lower() == key.lower()]
    if any(name != key or kinds[name] != "images" for name in same):
        raise ValueError(f"There is an element {quote_names(same)}, which is not this image. Choose another `key`.")
    if same and not overwrite:
        raise ValueError(f"There is an image {key!r}. Choose another `key`, or replace it with `overwrite=True`.")
    return key


def system_of(section: Section, coordinate_system: str | None) -> str:
    """Return the coordinate system that an alignment leads to: the named one, or that in which patches are cut.

    Raises
    ------
    KeyError
        If the spots have no such coordinate system.
    """
    systems = transformations(section.annotated_element())
    if coordinate_system is not None:
        return check_key(coordinate_system, systems, f"coordinate system of {section.element!r}")
    return usual_system(set(systems), str(section.element))


def full_resolution(section: Section, coordinate_system: str | None) -> dict[str, Any]:
    """Return the transformations of an image whose pixels are the spots' own coordinates, as Space Ranger keeps them.

    Raises
    ------
    ValueError
        If the coordinates are micrometres, or pixels of another image.
    """
    assert section.sdata is not None
    made = is_xenium(section) or bool(pseudospots_record(section))
    if made or section.element not in section.sdata.shapes:
        what = "cells of Xenium or made from cells" if made else "no circles or polygons"
        raise ValueError(
            f"Spots of {section.element!r} are {what}, so that their coordinates are not pixels of this image. Say "
            "where it lies with `alignment` (of Xenium Explorer: the file *_imagealignment.csv) or `landmarks`."
        )
    placed = transformations(section.annotated_element())
    return placed if coordinate_system is None else {coordinate_system: placed[coordinate_system]}


def affine(matrix: np.ndarray, system: str) -> dict[str, Any]:
    """Return the transformation by a 3 x 3 matrix from pixels to a coordinate system."""
    from spatialdata.transformations import Affine

    return {system: Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y"))}


def landmark_matrix(section: Section, on_image: Any, on_section: Any, system: str) -> np.ndarray:
    """Return the 3 x 3 matrix that turns, scales, moves and, if need be, mirrors landmarks onto each other.

    Parameters
    ----------
    section
        The section.
    on_image
        Pixels of the image, (n, 2), or the name of an element of points or circles in such pixels.
    on_section
        The same places in the coordinate system, (n, 2), or the name of an element that has it.
    system
        The coordinate system.
    """
    from spatialdata.models import PointsModel
    from spatialdata.transformations import get_transformation_between_landmarks

    sdata = section.sdata
    assert sdata is not None
    elements = {**sdata.shapes, **sdata.points}
    if isinstance(on_section, str):
        element = elements[check_key(on_section, elements, "element of landmarks")]
        check_key(system, transformations(element), f"coordinate system of {on_section!r}")
        on_section = instances(element, system)[1]
    if isinstance(on_image, str):
        on_image = centres_of(elements[check_key(on_image, elements, "element of landmarks")])[1]
    on_image, on_section = check_landmarks(on_image, on_section)
    fitted = get_transformation_between_landmarks(PointsModel.parse(on_section), PointsModel.parse(on_image))
    matrix = np.asarray(fitted.to_affine_matrix(("x", "y"), ("x", "y")), np.float64)
    warn_misfit(matrix, on_image, on_section)
    return matrix


def placed_on(section: Section, element: Any, name: str, system: str) -> Placement:
    """Place the spots of a section on an image element that is not yet part of it."""
    pyramid = Pyramid(levels_of(element, name), np.linalg.inv(matrix_to(element, system)))
    return replace(place_in_system(section, system), image=SectionImage(name, pyramid))
