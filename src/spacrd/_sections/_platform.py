"""Platform of a section as its containers state it, and the tissue that each of its spots stands for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from .._keys import Keys
from ..image import ST_SPOT
from ._centres import element_centres
from ._placement import Placement, place_rows, with_scale
from ._scale import bin_um, is_cells_of_hd, is_xenium, kind_of, pseudospots_record
from ._section import Section
from ._selection import ALL

SAMPLE = 20_000
"""Spots whose neighbours are looked up."""
HEXAGONAL, SQUARE = 1.2, 1.7
"""Largest distance of the sixth neighbour in those of the nearest: 1 on a hexagonal lattice, 1.41 on a square one, and
about 3 where spots lie anywhere."""


def place_with_scale(section: Section) -> Placement | None:
    """Place the spots of a section with their scale, without a warning; None where either cannot be found."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whoever needs the exact scale is warned by patches and regions
            return with_scale(place_rows(section, ALL), section)
    except (KeyError, TypeError, ValueError):
        return None


def platform_of(section: Section, placement: Placement | None) -> str:
    """Tell the platform from names, columns, records and the capture array; empty where nothing tells it."""
    if pseudospots_record(section):
        return "pseudo-spots"
    if is_xenium(section):
        return "Xenium"
    if bin_um(section) is not None or is_cells_of_hd(section):
        return "Visium HD"
    if placement is not None and "lattice" in placement.scale.details:
        return "legacy ST" if placement.scale.spot_um == ST_SPOT else "Visium"
    chemistry = _chemistry(section)
    if chemistry.startswith("spatial transcriptomics"):
        return "legacy ST"
    return "Visium" if chemistry.startswith(("spatial 3", "visium")) else ""


def _chemistry(section: Section) -> str:
    """Return what Space Ranger calls the assay, in lower case; empty if it is not stored."""
    entry = section.table.uns.get(Keys.SPATIAL)
    for name in (section.name, "metadata", "chemistry_description"):
        if not isinstance(entry, Mapping):
            return ""
        entry = entry.get(name)
    return str(entry or "").strip().lower()


def spot_areas(section: Section, placement: Placement | None) -> np.ndarray:
    """Measure the tissue that each spot stands for, (n,) float64 in square micrometres; NaN where it is not known.

    Of cells it is the area of the cell, of bins their square, and of spots on a lattice the part of the lattice that
    belongs to one spot, the gap to its neighbours included.
    """
    n = len(section.rows)
    side = bin_um(section)
    if side is not None:
        return np.full(n, side**2)
    if kind_of(section) == "cells":
        return _cell_areas(section, placement)
    if placement is None:
        return np.full(n, np.nan)
    return np.full(n, _lattice_area(placement.xy) * placement.um_per_unit**2)


def _cell_areas(section: Section, placement: Placement | None) -> np.ndarray:
    column = section.table.obs.get("cell_area")
    if is_xenium(section) and column is not None and column.dtype.kind in "fiu":
        return column.to_numpy(np.float64)[section.rows]
    if placement is None or placement.coordinate_system is None:
        return np.full(len(section.rows), np.nan)
    _, sizes = element_centres(section, placement.coordinate_system)
    circles = section.sdata is not None and "radius" in section.sdata.shapes.get(section.element, ())
    return np.asarray(sizes**2 * (np.pi / 4 if circles else 1.0) * placement.um_per_unit**2)


def _lattice_area(xy: np.ndarray) -> float:
    """Measure the area of a lattice that belongs to one spot; NaN where spots lie on none."""
    from scipy.spatial import cKDTree

    places = np.unique(xy[np.isfinite(xy).all(axis=1)], axis=0)
    if len(places) < 7:
        return float("nan")
    distances = cKDTree(places).query(places[:: -(-len(places) // SAMPLE)], k=7)[0]
    nearest, sixth = np.median(distances[:, 1]), np.median(distances[:, 6])
    if sixth > SQUARE * nearest:
        return float("nan")
    return float(nearest**2 * (np.sqrt(3) / 2 if sixth <= HEXAGONAL * nearest else 1.0))
