"""Add a slide on disk to a section."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import warn
from .._sections import (
    Placement,
    Section,
    Selection,
    affine,
    full_resolution,
    image_element,
    is_spatialdata,
    landmark_matrix,
    name_image,
    only_section,
    placed_on,
    system_of,
    with_scale,
)
from ..image import ImageFile, check_matrix, check_placement, open_image_file, read_alignment

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from spatialdata import SpatialData

CONTRADICTION = 1.1
"""Ratio of two pixel sizes from which they contradict each other."""


def add_image(
    sdata: SpatialData,
    image: str | os.PathLike[str],
    *,
    alignment: str | os.PathLike[str] | ArrayLike | None = None,
    landmarks: Sequence[ArrayLike | str] | None = None,
    key: str | None = None,
    region: str | None = None,
    coordinate_system: str | None = None,
    table_key: str = "table",
    library_key: str | None = None,
    overwrite: bool = False,
) -> None:
    """Add an image file to a section, lazily and at all its resolutions.

    Without ``alignment`` and ``landmarks``, pixels of the image are the full-resolution pixels in which Space Ranger
    gives the spots: it is the image that Space Ranger was given.

    Parameters
    ----------
    sdata
        Section, or several of which ``region`` names one.
    image
        TIFF (also OME-TIFF, SVS and NDPI), PNG or JPEG, told by its content. Of a TIFF the tiles that are needed are
        read, at the resolution that is needed; a PNG or JPEG is decoded as a whole when it is first used.
    alignment
        Matrix (3, 3) from pixels of the image to ``coordinate_system``, which may mirror it; or a CSV file of Xenium
        Explorer: the matrix (``*_imagealignment.csv``), or keypoints, columns ``fixedX``, ``fixedY``,
        ``alignmentX``, ``alignmentY``.
    landmarks
        Two of the following, of the same places in the same order, at least three: points on the image in pixels, and
        points on the section in ``coordinate_system``. Each is an array (n, 2) of x and y, or the name of an element
        of points or circles. The image is turned, scaled, moved and, if need be, mirrored, but not sheared.
    key
        Name of the image element; by default ``"<region>_full_image"``, for cells of Xenium ``"he_image"``, which
        :func:`extract_patches` takes without being told.
    region
        Section that the image shows, if there are several.
    coordinate_system
        Coordinate system of the spots that ``alignment`` or ``landmarks`` lead to; by default that in which patches
        are cut: the one named after the region, or ``"global"`` (for Xenium pixels of the morphology image).
    table_key
        Table of the section.
    library_key
        Column of ``obs`` that names the sections.
    overwrite
        Replace an image of this name.

    Returns
    -------
    None. Written is ``images[key]``, in memory: the file is read when pixels are needed, and must stay where it is.
    ``sdata.write`` copies the pixels.

    Raises
    ------
    FileNotFoundError
        If there is no such image or alignment file.
    ValueError
        If the file is no image that can be read; the alignment is no affine 3 x 3 matrix that can be inverted; the
        landmarks are no pairs; the name is taken; there are several sections and none is named; or spots cannot lie
        on the image.
    KeyError
        If a name is unknown.
    TypeError
        If ``sdata`` is no SpatialData.

    Warns
    -----
    SpacrdWarning
        If the file states a pixel size that contradicts where it is placed by more than 10 %, or landmarks do not fit.

    Examples
    --------
    >>> import spacrd
    >>> from PIL import Image
    >>> sdata = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, full_image=False)
    >>> other = spacrd.datasets.toy_visium(n_rows=10, n_cols=10)
    >>> pixels = other["toy_full_image"]["scale0"]["image"].transpose("y", "x", "c").to_numpy()
    >>> Image.fromarray(pixels).save("slide.png")
    >>> spacrd.pp.add_image(sdata, "slide.png")
    >>> spacrd.pp.extract_patches(sdata)
    >>> sdata["table"].uns["spacrd"]["X_handcrafted"]["sections"]["toy"]["image"]
    'toy_full_image'
    """
    if not is_spatialdata(sdata):
        raise TypeError(
            f"add_image needs a SpatialData, got {type(sdata).__name__}. Read the section with spatialdata_io; an "
            "AnnData keeps its image as an array in uns['spatial']."
        )
    if alignment is not None and landmarks is not None:
        raise ValueError("Both `alignment` and `landmarks` are given. Pass one.")
    file = open_image_file(image)
    selection = Selection(table_key=table_key, library_key=library_key, region=region)
    section = only_section(sdata, selection, "the image shows")
    name = name_image(section, key, overwrite=overwrite)
    system = system_of(section, coordinate_system)
    if alignment is None and landmarks is None:
        placed = full_resolution(section, coordinate_system)
    else:
        placed = affine(_matrix(section, alignment, landmarks, system), system)
    element = image_element(file.levels, placed)
    _check_place(section, placed_on(section, element, name, system), file)
    if name in sdata.images:
        del sdata.images[name]
    sdata.images[name] = element


def _matrix(section: Section, alignment: Any, landmarks: Any, system: str) -> np.ndarray:
    """Return the matrix from pixels of the image to the coordinate system."""
    if isinstance(alignment, str | os.PathLike):
        alignment = read_alignment(alignment)
        if isinstance(alignment, tuple):
            landmarks = alignment
    if landmarks is None:
        if hasattr(alignment, "to_affine_matrix"):  # a transformation of spatialdata
            alignment = alignment.to_affine_matrix(("x", "y"), ("x", "y"))
        return check_matrix(alignment)
    if isinstance(landmarks, str) or len(landmarks) != 2:
        raise ValueError("landmarks must be two: points on the image, and the same points on the section.")
    on_image, on_section = landmarks
    fitted = landmark_matrix(section, on_image, on_section, system)
    return check_matrix(fitted, "The transformation between the landmarks")


def _check_place(section: Section, placement: Placement, file: ImageFile) -> None:
    """Refuse an image on which the spots cannot lie, and warn if it states another pixel size than its place."""
    pyramid = placement.pyramid
    pixels = placement.xy @ placement.to_pixels[:2, :2].T + placement.to_pixels[:2, 2]
    check_placement(pixels, pyramid.height, pyramid.width, f"image {placement.image_name!r}")
    if not np.isfinite(file.mpp):
        return
    try:
        mpp = with_scale(placement, section).um_per_unit / pyramid.pixels_per_unit
    except ValueError:
        return  # the spots say nothing of micrometres; extract_patches says what to do then
    if max(mpp / file.mpp, file.mpp / mpp) > CONTRADICTION:
        warn(
            f"Image {placement.image_name!r} states {file.mpp:.4g} um per pixel ({file.mpp_source}), but where it is "
            f"placed the spots are those of {mpp:.4g} um per pixel. Is it the image that the alignment is for, at "
            "the same size?"
        )
