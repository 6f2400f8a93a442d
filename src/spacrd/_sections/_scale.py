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
from ._tables import Section, coordinates, result_record

_SECTION = r"(?P<section>-.*)?$"
"""What `spatialdata.concatenate` appends to the names of a section's elements."""
_BINS = re.compile(r"^(?P<slide>.*?)_?square_(?P<um>\d{3})um(_labels)?" + _SECTION)
_CELLS = re.compile(r"^(?P<slide>.*?)_?(cell|nucleus)_segmentations" + _SECTION)
_XENIUM = re.compile(r"^(cell|nucleus)_(labels|circles|boundaries)" + _SECTION)
_IN_MICROMETRES = ("cell_boundaries", "nucleus_boundaries", "cell_circles", "transcripts")
"""Elements of a Xenium section whose own coordinates are micrometres."""
_XENIUM_COLUMNS = {"cell_id", "transcript_counts", "cell_area"}


def kind_of(library: Section) -> str:
    """``"spots"``, ``"bins"`` of Visium HD, or ``"cells"``."""
    region = library.region or ""
    if bin_um(library) is not None:
        return "bins"
    raster = library.sdata is not None and region in library.sdata.labels
    return "cells" if raster or _CELLS.match(region) or is_xenium(library) else "spots"


def bin_um(library: Section) -> float | None:
    """Side of the bins of Visium HD in micrometres, from the name of their element or the scale factors."""
    found = _BINS.match(library.region or "")
    return float(found["um"]) if found else _factor(library, "bin_size_um")


def scale_factors(library: Section) -> Mapping[str, Any]:
    """Scale factors of Space Ranger that an AnnData keeps in ``uns["spatial"]``; empty if there are none.

    Raises
    ------
    TypeError
        If these slots hold something else than dictionaries.
    """
    spatial = library.table.uns.get(Keys.SPATIAL) if library.sdata is None else None
    if not isinstance(spatial, Mapping) or not spatial:
        return {}
    entry = spatial.get(library.name, {}) if len(spatial) > 1 else next(iter(spatial.values()))
    factors = (entry.get("scalefactors") or {}) if isinstance(entry, Mapping) else entry
    if not isinstance(factors, Mapping):
        raise TypeError(f"uns['spatial'] of {library.name!r} must hold dictionaries 'images' and 'scalefactors'.")
    return factors


def _factor(library: Section, name: str) -> float | None:
    value = scale_factors(library).get(name)
    return None if value is None else positive(value, f"scalefactors[{name!r}]")


def stored_diameter(library: Section) -> float:
    """Spot diameter of an AnnData in full-resolution pixels; NaN if none is stored."""
    return _factor(library, "spot_diameter_fullres") or float("nan")


def positive(value: Any, name: str) -> float:
    """A number out of ``uns["spatial"]``."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive number, got {value!r}. Repair it in uns['spatial'].")
    return number


def is_xenium(library: Section) -> bool:
    """Whether the rows are cells that the Xenium reader placed."""
    named = _in_xenium(library) and _XENIUM.match(library.region or "") is not None
    return not pseudospots_record(library) and (named or set(library.table.obs.columns) >= _XENIUM_COLUMNS)


def _in_xenium(library: Section) -> bool:
    """Whether the Xenium reader made the object, to which spots of one's own may have been added."""
    return library.sdata is not None and library.sdata.attrs.get("spatialdata_io_reader") == "xenium"


def pseudospots_record(library: Section) -> Mapping[str, Any]:
    """What :func:`spacrd.pp.pseudospots` recorded of this section; empty if it did not make it."""
    sections = result_record(library.table, Keys.PSEUDOSPOTS).get("sections", {})
    return sections.get(Keys.section(library.region or library.name), {})


def scale_sources(library: Section, xy: np.ndarray, system: str | None, diameter: float) -> dict[str, Any]:
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
        unit = float(made["um_per_unit"])
        if library.sdata is not None and library.region is not None and system is not None:
            # Their own units are those they were made in; other coordinate systems may have been added since.
            unit /= magnification(matrix_to(library.sdata[library.region], system))
        return {"stated": {"record": (unit, "recorded when the pseudo-spots were made")}}
    array = {key: obs[key].to_numpy()[library.rows] for key in ("array_row", "array_col") if key in obs}
    kind = kind_of(library)
    if kind == "spots":
        stated = _pixel_size(library, system) if _in_xenium(library) else _of_scale_factors(library)
        # Whose spots they are that stand beside the cells of a Xenium, nobody knows.
        return {**array, "spot_diameter": float("nan") if _in_xenium(library) else diameter, "stated": stated}
    stated = _of_xenium(library, xy, system) if is_xenium(library) else _of_visium_hd(library, system, diameter)
    return {**(array if kind == "bins" else {}), "bin_um": bin_um(library), "stated": stated}


def _of_scale_factors(library: Section) -> dict[str, tuple[float, str]]:
    mpp = _factor(library, "microns_per_pixel")
    return {} if mpp is None else {"scale factors": (mpp, "scale factors ('microns_per_pixel')")}


def _of_visium_hd(library: Section, system: str | None, diameter: float) -> dict[str, tuple[float, str]]:
    """The reader keeps the scale factors only as the side of the bins: ``bin_size_um / microns_per_pixel``."""
    if stated := _of_scale_factors(library):
        return stated
    own = bin_um(library)
    if own is not None and np.isfinite(diameter):
        return {"scale factors": (own / diameter, f"Visium HD scale factors (side of bins of {own:g} um)")}
    region = _BINS.match(library.region or "") or _CELLS.match(library.region or "")
    for name, bins in library.sdata.shapes.items() if library.sdata is not None and region else ():
        found = _BINS.match(name)
        systems = transformations(bins)
        here = system if system is not None else next(iter(systems))
        same = found and region and found.group("slide", "section") == region.group("slide", "section")
        if found and same and here in systems:
            some = bins.iloc[:100]
            side = 2 * some["radius"] if "radius" in some else np.sqrt(some.geometry.area)
            unit = float(found["um"]) / (float(np.median(side)) * magnification(matrix_to(bins, here)))
            return {"scale factors": (unit, f"Visium HD scale factors (side of bins {name!r})")}
    return {}


def _of_xenium(library: Section, xy: np.ndarray, system: str | None) -> dict[str, tuple[float, str]]:
    """Pixel size, from the elements in micrometres, and from the cells' coordinates against their places."""
    if system is None:
        return {"pixel size": (1.0, "Xenium coordinates are micrometres")}
    found = _pixel_size(library, system)
    stored = library.table.obsm.get(Keys.SPATIAL)
    if stored is not None and len(xy) > 1:
        um_xy = np.asarray(stored, dtype=np.float64)[library.rows, :2]
        known = np.isfinite(um_xy).all(axis=1) & np.isfinite(xy).all(axis=1)
        fitted = fit_similarity(um_xy[known], xy[known])
        if fitted is not None:
            found["cells"] = 1 / fitted[0], "Xenium cells' coordinates in micrometres"
    return found


def _pixel_size(library: Section, system: str | None) -> dict[str, tuple[float, str]]:
    sdata = library.sdata
    elements = {**sdata.shapes, **sdata.points} if sdata is not None else {}
    return {
        f"pixel size by {name}": (
            1 / magnification(matrix_to(elements[name], str(system))),
            f"Xenium pixel size (micrometres of {name!r})",
        )
        for name in _IN_MICROMETRES
        if name in elements and system in transformations(elements[name])
    }


def um_per_unit(library: Section) -> float:
    """Micrometres per unit of :func:`coordinates`; NaN if it cannot be found."""
    table, region = library.table, library.region
    diameter = stored_diameter(library)
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
