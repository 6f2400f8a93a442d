"""Whether the two places that a SpatialData may keep of a spot, in ``obsm`` and in its element, are the same."""

from __future__ import annotations

import numpy as np

from .._keys import Keys
from ..image import misplacement
from ._centres import flat_coordinates
from ._elements import centres_of
from ._scale import kind_of
from ._section import Section

OF_CELLS = 0.05
"""Share of cells whose centroid may differ from that of their outline."""


def check_agreement(section: Section, xy: np.ndarray) -> None:
    """Refuse a section whose ``obsm["spatial"]`` contradicts the element that its rows annotate.

    Patches are cut by the element and neighbours found by ``obsm``, so that the two must be a similarity of each
    other: moved, turned, mirrored or in other units, but the same places.

    Parameters
    ----------
    section
        The section.
    xy
        Centres of its spots in use, (n, 2), which stand for the element where that is a raster of labels.

    Raises
    ------
    ValueError
        If they contradict each other.
    """
    sdata, element = section.sdata, section.element
    if sdata is None or element is None or Keys.SPATIAL not in section.table.obsm:
        return
    stored, off = flat_coordinates(section), np.zeros(len(xy), bool)
    for centres in (_own_centres(section), xy):
        if centres is xy and np.array_equal(xy, stored, equal_nan=True):
            continue  # they are what is to be compared
        finite = np.isfinite(stored).all(axis=1) & np.isfinite(centres).all(axis=1)
        if len(np.unique(stored[finite], axis=0)) < 3:
            continue
        off = np.zeros(len(xy), bool)
        off[finite] = misplacement(stored[finite], centres[finite]) >= 0.5
        if off.sum() <= (OF_CELLS * len(off) if kind_of(section) == "cells" else 0):
            return
    if off.any():
        raise ValueError(
            f"Section {section.name!r}: obsm['spatial'] and element {element!r} contradict each other about where "
            f"{int(off.sum())} of {len(off)} spots lie. Was the table sorted without one of them? If the element is "
            "right, delete obsm['spatial']; else repair the instance key of the table."
        )


def _own_centres(section: Section) -> np.ndarray:
    """Return the centres of the annotated shapes or points in their own units, (n, 2); NaN where there are none."""
    sdata, centres = section.sdata, np.full((len(section.rows), 2), np.nan)
    assert sdata is not None
    if section.element not in sdata.shapes and section.element not in sdata.points:
        return centres
    names, places = centres_of(section.annotated_element())
    if names.is_unique:
        positions = names.get_indexer(np.asarray(section.instance_ids))
        centres[positions >= 0] = places[positions[positions >= 0]]
    return centres
