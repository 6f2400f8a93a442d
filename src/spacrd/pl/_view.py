"""View of a section: where its spots lie, and the small image behind them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from .._checks import warn
from .._sections import Placement, Section, Selection, place_spots, with_scale
from ..image import Pyramid, as_rgb, read_window

MAX_PIXELS = 1500
MARGIN = 0.04
SAMPLE = 20_000
"""Spots whose neighbours are looked up."""


@dataclass(frozen=True)
class Spacing:
    """Median distances of a spot to others, in the units of its coordinates."""

    nearest: float = 1.0
    sixth: float = 1.0

    @property
    def scattered(self) -> bool:
        """Whether spots lie anywhere, as cells do.

        On a square or hexagonal lattice the sixth is 1 to 1.5 times as far as the nearest, of random places 3 times.
        """
        return self.sixth > 2 * self.nearest

    @property
    def filling(self) -> float:
        """Return the diameter of circles that fill the tissue: on a lattice they nearly touch.

        Of random places, a circle as large as the tissue of one has 0.84 times the distance of the sixth neighbour.
        """
        return 0.84 * self.sixth if self.scattered else 0.95 * self.nearest


@dataclass(frozen=True)
class SectionView:
    """One section, ready to draw.

    Attributes
    ----------
    placement
        Its spots, with their scale if they lie on an image and it can be found.
    diameter
        Diameter of the circles to draw, in units of the coordinate system.
    limits
        Lower and upper corner of what is shown, (2,) each.
    spacing
        Distances of neighbouring spots.
    image
        Part of the image between these corners, (height, width, 3) uint8; None without an image.
    image_to_xy
        3 x 3 affine matrix from (column, row, 1) of ``image`` to the coordinate system.
    """

    placement: Placement
    diameter: float
    limits: tuple[np.ndarray, np.ndarray]
    spacing: Spacing
    image: np.ndarray | None = None
    image_to_xy: np.ndarray = field(default_factory=lambda: np.eye(3))

    @property
    def xy(self) -> np.ndarray:
        """Spot centres, (n, 2)."""
        return self.placement.xy

    @property
    def um_per_unit(self) -> float:
        """Micrometres per unit of ``xy``; NaN if unknown."""
        return self.placement.um_per_unit


def spacing_of(xy: np.ndarray) -> Spacing:
    """Measure the spacing of spots; 1 for a single spot.

    Spots without coordinates are left out, and of many spots some stand for all.
    """
    from scipy.spatial import cKDTree

    xy = xy[np.isfinite(xy).all(axis=1)]
    if len(xy) < 2:
        return Spacing()
    others = cKDTree(xy).query(xy[:: -(-len(xy) // SAMPLE)], k=min(7, len(xy)))[0][:, 1:]
    nearest, sixth = (values[values > 0] for values in (others[:, 0], others[:, -1]))  # spots may be stacked
    if not sixth.size:
        return Spacing()
    middle = float(np.median(sixth))
    return Spacing(float(np.median(nearest)) if nearest.size else middle, middle)


def _thumbnail(pyramid: Pyramid, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the part of the image between two corners, at most ``MAX_PIXELS`` wide.

    Returns it and its matrix to the units of the corners; None if that part lies off the image.
    """
    from PIL import Image

    corners = np.array([[low[0], low[1], 1], [high[0], low[1], 1], [low[0], high[1], 1], [high[0], high[1], 1]])
    for level in reversed(range(len(pyramid.levels))):
        pixels, to_level = pyramid.levels[level], pyramid.to_level(level)
        placed = (corners @ to_level.T)[:, :2]
        size = np.array([pixels.shape[2], pixels.shape[1]])
        first = np.clip(np.floor(placed.min(axis=0)), 0, size).astype(int)
        last = np.clip(np.ceil(placed.max(axis=0)), 0, size).astype(int)
        if (last - first).max() >= MAX_PIXELS:  # the coarsest level that is fine enough, else the finest
            break
    if (last - first).min() < 1:
        return None
    # An image without coarse levels is thinned out while it is read, so that it never is in memory as a whole.
    step = max(1, int((last - first).max()) // (2 * MAX_PIXELS))
    (x0, y0), (x1, y1) = first, last
    thinned = read_window(lambda y0, y1, x0, x1: np.asarray(pixels[:, y0:y1:step, x0:x1:step]), y0, y1, x0, x1)
    image = as_rgb(thinned)
    factor = -(-max(image.shape[:2]) // MAX_PIXELS)
    if factor > 1:
        image = np.asarray(Image.fromarray(image).reduce(factor))
    width = step * factor
    to_pixels = np.array([[width, 0, x0], [0, width, y0], [0, 0, 1]], dtype=float)
    return image, np.linalg.inv(to_level) @ to_pixels


def whole_image(pyramid: Pyramid) -> tuple[np.ndarray, float]:
    """Read a whole image, at most ``MAX_PIXELS`` wide and high; return it and its pixels per full-resolution pixel."""
    width, height = pyramid.width, pyramid.height
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=float)
    placed = (corners @ np.linalg.inv(pyramid.to_pixels).T)[:, :2]
    shown = _thumbnail(pyramid, placed.min(axis=0), placed.max(axis=0))
    assert shown is not None  # these corners lie on the image
    return shown[0], float(1 / (pyramid.to_pixels @ shown[1])[0, 0])


def _scaled(placement: Placement, section: Section) -> Placement:
    """Find the scale of a placement; as it is if nothing tells."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # patches warn of doubtful scales; here it is only a scale bar
            return with_scale(placement, section)
    except ValueError:
        return placement


def view_section(section: Section, selection: Selection) -> SectionView:
    """Place spots and read the image of a section; without an image the spots alone, unless one was named."""
    placement = place_spots(section, selection or Selection())
    if placement.image is not None:
        placement = _scaled(placement, section)
    xy = placement.xy
    spacing = spacing_of(xy)
    diameter = placement.spot_diameter if np.isfinite(placement.spot_diameter) else spacing.filling
    finite = xy[np.isfinite(xy).all(axis=1)]
    if not len(finite):
        raise ValueError(f"No spot of section {section.name!r} has finite coordinates, so none can be drawn.")
    margin = max(spacing.nearest, diameter, MARGIN * float(np.ptp(finite, axis=0).max()))
    limits = finite.min(axis=0) - margin, finite.max(axis=0) + margin
    if placement.image is None:
        return SectionView(placement, diameter, limits, spacing)
    thumbnail = _thumbnail(placement.pyramid, *limits)
    if thumbnail is None:
        warn(f"No spot of section {section.name!r} lies on its image: drawn without it.")
        return SectionView(placement, diameter, limits, spacing)
    return SectionView(placement, diameter, limits, spacing, *thumbnail)
