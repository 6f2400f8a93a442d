"""Scale of a section as its platform states it: the one place that knows how the readers keep it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import Keys
from ..image import find_scale, fit_similarity
from ._centres import coordinates
from ._elements import magnification, matrix_to, transformations
from ._records import result_record
from ._section import Section

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_SECTION = r"(?P<section>-.*)?$"
"""What `spatialdata.concatenate` appends to the names of a section's elements."""
_BINS = re.compile(r"^(?P<slide>.*?)_?square_(?P<um>\d{3})um(_labels)?" + _SECTION)
_CELLS = re.compile(r"^(?P<slide>.*?)_?(cell|nucleus)_segmentations" + _SECTION)
_XENIUM = re.compile(r"^(cell|nucleus)_(labels|circles|boundaries)" + _SECTION)
_IN_MICROMETRES = ("cell_boundaries", "nucleus_boundaries", "cell_circles", "transcripts")
"""Elements of a Xenium section whose own coordinates are micrometres."""
_XENIUM_COLUMNS = {"cell_id", "transcript_counts", "cell_area"}


def kind_of(section: Section) -> str:
    """Tell ``"spots"``, ``"bins"`` of Visium HD and ``"cells"`` apart."""
    element = section.element or ""
    if bin_um(section) is not None:
        return "bins"
    raster = section.sdata is not None and element in section.sdata.labels
    return "cells" if raster or is_cells_of_hd(section) or is_xenium(section) else "spots"


def is_cells_of_hd(section: Section) -> bool:
    """Whether the rows are cells that Space Ranger segmented on Visium HD."""
    return _CELLS.match(section.element or "") is not None


def bin_um(section: Section) -> float | None:
    """Return the side of the bins of Visium HD in micrometres, from the name of their element or the scale factors."""
    bins = _BINS.match(section.element or "")
    return float(bins["um"]) if bins else _factor(section, "bin_size_um")


def scale_factors(section: Section) -> Mapping[str, Any]:
    """Return the scale factors of Space Ranger that an AnnData keeps in ``uns["spatial"]``; empty if there are none.

    Raises
    ------
    TypeError
        If these slots hold something else than dictionaries.
    """
    spatial = section.table.uns.get(Keys.SPATIAL) if section.sdata is None else None
    if not isinstance(spatial, Mapping) or not spatial:
        return {}
    entry = spatial.get(section.name, {}) if len(spatial) > 1 else next(iter(spatial.values()))
    factors = (entry.get("scalefactors") or {}) if isinstance(entry, Mapping) else entry
    if not isinstance(factors, Mapping):
        raise TypeError(f"uns['spatial'] of {section.name!r} must hold dictionaries 'images' and 'scalefactors'.")
    return factors


def _factor(section: Section, name: str) -> float | None:
    value = scale_factors(section).get(name)
    return None if value is None else positive(value, f"scalefactors[{name!r}]")


def stored_diameter(section: Section) -> float:
    """Return the spot diameter of an AnnData in full-resolution pixels; NaN if none is stored."""
    return _factor(section, "spot_diameter_fullres") or float("nan")


def positive(value: Any, name: str) -> float:
    """Return a number of ``uns["spatial"]`` as a float.

    Raises
    ------
    ValueError
        If it is not a finite number above 0.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive number, got {value!r}. Repair it in uns['spatial'].")
    return number


def is_xenium(section: Section) -> bool:
    """Whether the rows are cells that the Xenium reader placed."""
    named = _in_xenium(section) and _XENIUM.match(section.element or "") is not None
    return not pseudospots_record(section) and (named or set(section.table.obs.columns) >= _XENIUM_COLUMNS)


def _in_xenium(section: Section) -> bool:
    """Whether the Xenium reader made the object, to which spots of one's own may have been added."""
    return section.sdata is not None and section.sdata.attrs.get("spatialdata_io_reader") == "xenium"


def pseudospots_record(section: Section) -> Mapping[str, Any]:
    """Return what :func:`spacrd.pp.pseudospots` recorded of this section; empty if it did not make it."""
    sections = result_record(section.table, Keys.PSEUDOSPOTS).get("sections", {})
    return sections.get(Keys.section(section.element or section.name), {})


def scale_sources(section: Section, xy: np.ndarray, system: str | None, diameter: float) -> dict[str, Any]:
    """Collect what :func:`spacrd.image.find_scale` can find the scale from, beside the spot centres.

    Parameters
    ----------
    section
        The section.
    xy
        Centres of its rows, (n, 2), in units of the coordinate system.
    system
        Coordinate system; None for the coordinates in ``obsm``.
    diameter
        Stored spot diameter in those units; NaN if there is none.
    """
    obs = section.table.obs
    made = pseudospots_record(section)
    if made:
        unit = float(made["um_per_unit"])
        if section.sdata is not None and section.element is not None and system is not None:
            # Their own units are those they were made in; other coordinate systems may have been added since.
            unit /= magnification(matrix_to(section.annotated_element(), system))
        return {"stated": {"record": (unit, "recorded when the pseudo-spots were made")}}
    array = {key: obs[key].to_numpy()[section.rows] for key in ("array_row", "array_col") if key in obs}
    kind = kind_of(section)
    if kind == "spots":
        stated = _pixel_size(section, system) if _in_xenium(section) else _of_table(section, system)
        # The platform of spots that were added to the cells of a Xenium is not known.
        return {**array, "spot_diameter": float("nan") if _in_xenium(section) else diameter, "stated": stated}
    stated = _of_xenium(section, xy, system) if is_xenium(section) else _of_visium_hd(section, system, diameter)
    return {**(array if kind == "bins" else {}), "bin_um": bin_um(section), "stated": stated}


def _of_scale_factors(section: Section) -> dict[str, tuple[float, str]]:
    mpp = _factor(section, "microns_per_pixel")
    return {} if mpp is None else {"scale factors": (mpp, "scale factors ('microns_per_pixel')")}


def _of_table(section: Section, system: str | None) -> dict[str, tuple[float, str]]:
    """Find the scale in ``uns["spatial"]``; of a SpatialData it is that of the spots' own coordinates."""
    if section.sdata is None:
        return _of_scale_factors(section)
    spatial = section.table.uns.get(Keys.SPATIAL)
    for part in (section.element, "scalefactors", "microns_per_pixel"):
        spatial = spatial.get(part) if isinstance(spatial, Mapping) else None
    if spatial is None:
        return {}
    mpp = positive(spatial, "scalefactors['microns_per_pixel']")
    unit = mpp if system is None else mpp / magnification(matrix_to(section.annotated_element(), system))
    return {"scale factors": (unit, "scale factors ('microns_per_pixel')")}


def _of_visium_hd(section: Section, system: str | None, diameter: float) -> dict[str, tuple[float, str]]:
    """Find the scale of Visium HD; its reader keeps only the side of the bins: ``bin_size_um / microns_per_pixel``."""
    if stated := _of_scale_factors(section):
        return stated
    um = bin_um(section)
    if um is not None and np.isfinite(diameter):
        return {"scale factors": (um / diameter, f"Visium HD scale factors (side of bins of {um:g} um)")}
    if section.sdata is None or section.element is None:
        return {}
    slide = _slide(_BINS.match(section.element) or _CELLS.match(section.element))
    for name, bins in section.sdata.shapes.items() if slide else ():
        match = _BINS.match(name)
        systems = transformations(bins)
        here = system if system is not None else next(iter(systems))
        if match and _slide(match) == slide and here in systems:
            side = _median_size(bins.iloc[:100]) * magnification(matrix_to(bins, here))
            return {"scale factors": (float(match["um"]) / side, f"Visium HD scale factors (side of bins {name!r})")}
    return {}


def _slide(match: re.Match[str] | None) -> tuple[str | None, ...]:
    """Return the slide and section that the name of an element of Visium HD says; empty if it says none."""
    return match.group("slide", "section") if match else ()


def _median_size(shapes: GeoDataFrame) -> float:
    """Return the median diameter of circles, or side of squares of the area of polygons."""
    sizes = 2 * shapes["radius"] if "radius" in shapes else np.sqrt(shapes.geometry.area)
    return float(np.median(sizes))


def _of_xenium(section: Section, xy: np.ndarray, system: str | None) -> dict[str, tuple[float, str]]:
    """Find the pixel size from the elements in micrometres, and from the cells' coordinates in both units."""
    if system is None:
        return {"pixel size": (1.0, "Xenium coordinates are micrometres")}
    sizes = _pixel_size(section, system)
    stored = section.table.obsm.get(Keys.SPATIAL)
    if stored is not None and len(xy) > 1:
        um_xy = np.asarray(stored, dtype=np.float64)[section.rows, :2]
        finite = np.isfinite(um_xy).all(axis=1) & np.isfinite(xy).all(axis=1)
        fitted = fit_similarity(um_xy[finite], xy[finite])
        if fitted is not None:
            sizes["cells"] = 1 / fitted[0], "Xenium cells' coordinates in micrometres"
    return sizes


def _pixel_size(section: Section, system: str | None) -> dict[str, tuple[float, str]]:
    sdata = section.sdata
    elements = {**sdata.shapes, **sdata.points} if sdata is not None else {}
    return {
        f"pixel size by {name}": (
            1 / magnification(matrix_to(elements[name], str(system))),
            f"Xenium pixel size (micrometres of {name!r})",
        )
        for name in _IN_MICROMETRES
        if name in elements and system in transformations(elements[name])
    }


def um_per_unit(section: Section) -> float:
    """Find the micrometres per unit of :func:`coordinates`; NaN if they cannot be found."""
    diameter, system = stored_diameter(section), None
    if section.sdata is not None and section.element in section.sdata.shapes:
        shapes = section.sdata.shapes[section.element]
        diameter = _median_size(shapes) if "radius" in shapes or bin_um(section) else diameter
    if section.sdata is not None and section.element is not None and Keys.SPATIAL not in section.table.obsm:
        element = section.annotated_element()
        system = next(iter(transformations(element)))
        diameter *= magnification(matrix_to(element, system))
    try:
        xy = coordinates(section)
        return find_scale(xy, **scale_sources(section, xy, system, diameter)).um_per_unit
    except ValueError:
        return float("nan")
