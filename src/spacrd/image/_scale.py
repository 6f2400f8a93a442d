"""Micrometres per coordinate unit, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .._checks import warn
from ._lattice import MISFIT, ST_SPOT, UNKNOWN, VISIUM_PITCH, VISIUM_SPOT, Lattice, fit_lattice, nearest_step

LIMITS = (0.05, 50.0)
"""Micrometres per image pixel that an image of tissue can have."""


@dataclass(frozen=True)
class Scale:
    """Size of one coordinate unit.

    Attributes
    ----------
    um_per_unit
        Micrometres per unit of the coordinate system.
    source
        How it was found, in words.
    spot_um
        Spot diameter of the platform in micrometres; NaN if the platform is not known.
    details
        What each source said, in micrometres per unit.
    """

    um_per_unit: float
    source: str
    spot_um: float = float("nan")
    details: dict[str, float] = field(default_factory=dict)


def find_scale(
    xy: np.ndarray,
    *,
    array_row: np.ndarray | None = None,
    array_col: np.ndarray | None = None,
    spot_diameter: float = float("nan"),
    bin_um: float | None = None,
    stated: Mapping[str, tuple[float, str]] | None = None,
    mpp: float | None = None,
    pixels_per_unit: float = 1.0,
) -> Scale:
    """Find the micrometres per coordinate unit.

    The first there is: argument, what the platform states, array lattice, stored spot diameter. Where there are
    several, they are compared.

    Parameters
    ----------
    xy
        Spot centres, (n, 2), in coordinate units; rows with NaN are left out.
    array_row
        Row of each spot on the capture array, (n,).
    array_col
        Column of each spot on the capture array, (n,).
    spot_diameter
        Stored spot diameter in coordinate units; NaN if unknown.
    bin_um
        Side of a bin in micrometres, for arrays of square bins.
    stated
        What the files of the platform say: name to micrometres per unit and, in words, how it was found.
    mpp
        Micrometres per pixel of the image, as the user states it.
    pixels_per_unit
        Image pixels per coordinate unit.

    Returns
    -------
    The scale and how it was found.

    Raises
    ------
    ValueError
        If there is no source, or the result is not an image of tissue (0.05 to 50 um per pixel, exclusive).
    """
    if mpp is not None:
        _check_mpp(mpp)
    xy = np.asarray(xy, float)
    diameter = float(spot_diameter) if np.isfinite(spot_diameter) and spot_diameter > 0 else float("nan")
    lattice = None
    if array_row is not None and array_col is not None:
        lattice = fit_lattice(xy, array_row, array_col, diameter, bin_um)
    if lattice is UNKNOWN:
        diameter = float("nan")  # bins, or whatever: no Visium spots of 65 um
    if lattice in (MISFIT, UNKNOWN):
        lattice = None
    per_unit = None if mpp is None else float(mpp) * pixels_per_unit
    sources = _sources(lattice, diameter, stated or {}, per_unit)
    if not sources:
        raise ValueError(
            "Micrometres per pixel cannot be found: there is no array lattice of Visium or legacy ST "
            "(obs['array_row'], obs['array_col']), no spot diameter of theirs, and no element that states its scale. "
            "Pass them as `mpp` (Visium HD: 'microns_per_pixel' in scalefactors_json.json)."
        )
    first, best = next(iter(sources.items()))
    _warn_disagreement(list(sources.values()), pixels_per_unit)
    if first == "diameter":
        _warn_no_visium(xy, best.um_per_unit)
    per_pixel = best.um_per_unit / pixels_per_unit
    if not LIMITS[0] < per_pixel < LIMITS[1]:
        raise ValueError(
            f"{per_pixel:.4g} um per image pixel ({best.source}) cannot be right: expected {LIMITS[0]} to {LIMITS[1]}. "
            "Check that the spots and the image share their pixels, or pass `mpp`."
        )
    return replace(best, details={name: source.um_per_unit for name, source in sources.items()})


def _sources(
    lattice: Lattice | None, diameter: float, stated: Mapping[str, tuple[float, str]], per_unit: float | None
) -> dict[str, Scale]:
    """List the scale by each source there is, the first to be used first.

    Parameters
    ----------
    lattice
        The array of the spots.
    diameter
        Stored spot diameter in coordinate units; NaN if unknown.
    stated
        What the files of the platform say.
    per_unit
        Micrometres per coordinate unit, as the user states them.
    """
    sources = {}
    spot_um = lattice.spot_um if lattice else VISIUM_SPOT if np.isfinite(diameter) else float("nan")
    if per_unit is not None:
        if lattice is None and np.isfinite(diameter):
            # Without an array the platform is open: the argument says which spots these are.
            measured = diameter * per_unit
            spot_um = min((VISIUM_SPOT, ST_SPOT), key=lambda um: abs(np.log(um / measured)))
        sources["argument"] = Scale(per_unit, "mpp given as argument", spot_um)
    sources |= {name: Scale(*value, spot_um) for name, value in stated.items()}
    if lattice is not None:
        sources["lattice"] = Scale(lattice.um_per_unit, lattice.source, lattice.spot_um)
        if lattice.transposed:
            warn(
                "The spots are mirrored against their array: array_row runs along x and array_col along y. "
                "If the image was not mirrored, x and y of the spots are swapped."
            )
    if np.isfinite(diameter) and np.isfinite(spot_um):
        sources["diameter"] = Scale(spot_um / diameter, f"stored spot diameter, taken as {spot_um:g} um", spot_um)
    return sources


def _check_mpp(mpp: float) -> None:
    if isinstance(mpp, bool) or not isinstance(mpp, int | float | np.number):
        raise TypeError(f"mpp must be a number of micrometres per pixel, got {mpp!r} ({type(mpp).__name__}).")
    if not np.isfinite(mpp) or not LIMITS[0] < mpp < LIMITS[1]:
        raise ValueError(f"mpp={mpp} um per pixel cannot be right: expected {LIMITS[0]} to {LIMITS[1]}.")


def _warn_disagreement(sources: list[Scale], pixels_per_unit: float) -> None:
    used, *others = sources
    for other in others:
        if not 1 / 1.2 <= used.um_per_unit / other.um_per_unit <= 1.2:
            warn(
                f"Two sources disagree about the scale: {used.um_per_unit / pixels_per_unit:.4g} um per image pixel "
                f"({used.source}) against {other.um_per_unit / pixels_per_unit:.4g} ({other.source}). The first is "
                "used; pass `mpp` if it is wrong."
            )


def _warn_no_visium(xy: np.ndarray, um_per_unit: float) -> None:
    """Warn if spots whose stored diameter was taken as that of Visium are not 100 um apart."""
    xy = xy[np.isfinite(xy).all(axis=1)]
    if len(np.unique(xy, axis=0)) < 2:
        return
    pitch = nearest_step(xy, np.median) * um_per_unit
    if not 0.85 < pitch / VISIUM_PITCH < 1.15:
        warn(
            f"The stored spot diameter is taken as {VISIUM_SPOT:g} um, that of Visium; then the spots are {pitch:.0f} "
            f"um apart, and those of Visium {VISIUM_PITCH:g}. Pass `mpp` if they are another platform's."
        )
