"""What each platform says of its own scale. The one place that knows how the readers keep it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._keys import Keys
from ..image import find_scale
from ..image._geometry import fit_similarity
from ._centres import magnification, matrix_to, transformations
from ._tables import Library, coordinates, result_record

_BINS = re.compile(r"^(?P<slide>.*?)_?square_(?P<um>\d{3})um(_labels)?$")
_CELLS = re.compile(r"^(?P<slide>.*?)_?(cell|nucleus)_segmentations$")
_IN_MICROMETRES = ("cell_boundaries", "nucleus_boundaries", "cell_circles", "transcripts")
"""Elements of a Xenium section whose own coordinates are micrometres."""
_XENIUM_COLUMNS = {"cell_id", "transcript_counts", "cell_area"}


def kind_of(library: Library) -> str:
    """``"spots"``, ``"bins"`` of Visium HD, or ``"cells"``."""
    region = library.region or ""
    if bin_um(library) is not None:
        return "bins"
    raster = library.sdata is not None and region in library.sdata.labels
    return "cells" if raster or _CELLS.match(region) or is_xenium(library) else "spots"


def bin_um(library: Library) -> float | None:
    """Side of the bins of Visium HD in micrometres, from the name of their element."""
    found = _BINS.match(library.region or "")
    return float(found["um"]) if found else None


def is_xenium(library: Library) -> bool:
    """Whether the rows are cells that the Xenium reader placed."""
    read_by = library.sdata.attrs.get("spatialdata_io_reader") if library.sdata is not None else None
    return not pseudospots_record(library) and (
        read_by == "xenium" or set(library.table.obs.columns) >= _XENIUM_COLUMNS
    )


def pseudospots_record(library: Library) -> Mapping[str, Any]:
    """What :func:`spacrd.pp.pseudospots` recorded of this section; empty if it did not make it."""
    sections = result_record(library.table, Keys.PSEUDOSPOTS).get("sections", {})
    return sections.get(Keys.section(library.region or library.name), {})


def scale_sources(library: Library, xy: np.ndarray, system: str | None, diameter: float) -> dict[str, Any]:
    """What :func:`spacrd.image.find_scale` can find the scale from, beside the spot centres.

    Parameters
    ----------
    library
        The section.
    xy
        Centres of its rows, (n, 2), in units of the coordinate system.
    system
        Coordinate system; None for the coordinates in ``obsm``.
    diameter
        Stored spot diameter in those units; NaN if there is none.
    """
    obs = library.table.obs
    made = pseudospots_record(library)
    if made:
        return {"stated": {"record": (float(made["um_per_unit"]), "recorded when the pseudo-spots were made")}}
    array = {key: obs[key].to_numpy()[library.rows] for key in ("array_row", "array_col") if key in obs}
    kind = kind_of(library)
    if kind == "spots":
        return {**array, "spot_diameter": diameter}
    stated = _of_xenium(library, xy, system) if is_xenium(library) else _of_visium_hd(library, system, diameter)
    return {**(array if kind == "bins" else {}), "bin_um": bin_um(library), "stated": stated}


def _of_visium_hd(library: Library, system: str | None, diameter: float) -> dict[str, tuple[float, str]]:
    """The reader keeps the scale factors only as the side of the bins: ``bin_size_um / microns_per_pixel``."""
    own = bin_um(library)
    if own is not None and np.isfinite(diameter):
        return {"scale factors": (own / diameter, f"Visium HD scale factors (side of bins of {own:g} um)")}
    region = _BINS.match(library.region or "") or _CELLS.match(library.region or "")
    for name, bins in library.sdata.shapes.items() if library.sdata is not None and region else ():
        found = _BINS.match(name)
        systems = transformations(bins)
        here = system if system is not None else next(iter(systems))
        if found and region and found["slide"] == region["slide"] and here in systems:
            some = bins.iloc[:100]
            side = 2 * some["radius"] if "radius" in some else np.sqrt(some.geometry.area)
            unit = float(found["um"]) / (float(np.median(side)) * magnification(matrix_to(bins, here)))
            return {"scale factors": (unit, f"Visium HD scale factors (side of bins {name!r})")}
    return {}


def _of_xenium(library: Library, xy: np.ndarray, system: str | None) -> dict[str, tuple[float, str]]:
    """Pixel size, from the elements in micrometres, and from the cells' coordinates against their places."""
    if system is None:
        return {"pixel size": (1.0, "Xenium coordinates are micrometres")}
    found = {}
    sdata = library.sdata
    elements = {**sdata.shapes, **sdata.points} if sdata is not None else {}
    for name in _IN_MICROMETRES:
        if name in elements and system in transformations(elements[name]):
            um = 1 / magnification(matrix_to(elements[name], system))
            found["pixel size"] = um, f"Xenium pixel size (micrometres of {name!r})"
            break
    stored = library.table.obsm.get(Keys.SPATIAL)
    if stored is not None and len(xy) > 1:
        um_xy = np.asarray(stored, dtype=np.float64)[library.rows, :2]
        known = np.isfinite(um_xy).all(axis=1) & np.isfinite(xy).all(axis=1)
        fitted = fit_similarity(um_xy[known], xy[known])
        if fitted is not None:
            found["cells"] = 1 / fitted[0], "Xenium cells' coordinates in micrometres"
    return found


def um_per_unit(library: Library) -> float:
    """Micrometres per unit of :func:`coordinates`; NaN if it cannot be found."""
    table, region = library.table, library.region
    entry = table.uns.get(Keys.SPATIAL, {})
    entry = entry.get(library.name, {}) if isinstance(entry, Mapping) else {}
    diameter = float(entry.get("scalefactors", {}).get("spot_diameter_fullres", np.nan))
    stored, system = Keys.SPATIAL in table.obsm, None
    if library.sdata is not None and region in library.sdata.shapes:
        shapes = library.sdata.shapes[region]
        sizes = 2 * shapes["radius"] if "radius" in shapes else np.sqrt(shapes.geometry.area)
        diameter = float(np.median(sizes)) if "radius" in shapes or bin_um(library) else diameter
    if library.sdata is not None and region is not None and not stored:
        system = next(iter(transformations(library.sdata[region])))
        diameter *= magnification(matrix_to(library.sdata[region], system))
    try:
        xy = coordinates(library)
        return find_scale(xy, **scale_sources(library, xy, system, diameter)).um_per_unit
    except ValueError:
        return float("nan")
