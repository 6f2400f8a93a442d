"""Micrometres per pixel and how they were found; spots that cannot lie where they are said to lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._checks import warn

VISIUM_PITCH, ST_PITCH = 100.0, 200.0
VISIUM_SPOT, ST_SPOT = 65.0, 100.0
"""Micrometres. The diameter stored by Space Ranger is 65 um, though the spots are printed with 55."""
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


@dataclass(frozen=True)
class _Lattice:
    um_per_unit: float
    source: str
    spot_um: float
    transposed: bool = False


_MISFIT = _Lattice(float("nan"), "the spots do not lie as their array says", float("nan"))
_UNKNOWN = _Lattice(float("nan"), "a square array that is not that of legacy ST", float("nan"))


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
    diameter = float(spot_diameter) if np.isfinite(spot_diameter) and spot_diameter > 0 else float("nan")
    found: dict[str, tuple[float, str, float]] = {}
    lattice = None
    if array_row is not None and array_col is not None:
        lattice = _fit_lattice(np.asarray(xy, float), array_row, array_col, diameter, bin_um)
    if lattice is _MISFIT:
        warn(
            "obs['array_row'] and obs['array_col'] do not fit the places of the spots. Were coordinates and rows of "
            "the table joined in a wrong order, or several sections put into one?"
        )
    if lattice is _UNKNOWN:
        diameter = float("nan")  # bins, or whatever: no Visium spots of 65 um
    if lattice in (_MISFIT, _UNKNOWN):
        lattice = None
    spot_um = lattice.spot_um if lattice else VISIUM_SPOT if np.isfinite(diameter) else float("nan")
    if mpp is not None:
        per_unit = float(mpp) * pixels_per_unit
        if lattice is None and np.isfinite(diameter):
            # Without an array the platform is open: the argument says which spots these are.
            spot_um = min((VISIUM_SPOT, ST_SPOT), key=lambda um: abs(np.log(um / (diameter * per_unit))))
        found["argument"] = per_unit, "mpp given as argument", spot_um
    found |= {name: (*value, spot_um) for name, value in (stated or {}).items()}
    if lattice is not None:
        found["lattice"] = lattice.um_per_unit, lattice.source, lattice.spot_um
        if lattice.transposed:
            warn(
                "The spots are mirrored against their array: array_row runs along x and array_col along y. "
                "If the image was not mirrored, x and y of the spots are swapped."
            )
    if np.isfinite(diameter) and np.isfinite(spot_um):
        found["diameter"] = spot_um / diameter, f"stored spot diameter, taken as {spot_um:g} um", spot_um
    if not found:
        raise ValueError(
            "Micrometres per pixel cannot be found: there is no array lattice of Visium or legacy ST "
            "(obs['array_row'], obs['array_col']), no spot diameter of theirs, and no element that states its scale. "
            "Pass them as `mpp` (Visium HD: 'microns_per_pixel' in scalefactors_json.json)."
        )
    best = next(iter(found.values()))
    _warn_disagreement(found, pixels_per_unit)
    if next(iter(found)) == "diameter":
        _warn_no_visium(np.asarray(xy, float), best[0])
    per_pixel = best[0] / pixels_per_unit
    if not LIMITS[0] < per_pixel < LIMITS[1]:
        raise ValueError(
            f"{per_pixel:.4g} um per image pixel ({best[1]}) cannot be right: expected {LIMITS[0]} to {LIMITS[1]}. "
            "Check that the spots and the image share their pixels, or pass `mpp`."
        )
    return Scale(best[0], best[1], best[2], {name: value[0] for name, value in found.items()})


def _check_mpp(mpp: float) -> None:
    if isinstance(mpp, bool) or not isinstance(mpp, int | float | np.number):
        raise TypeError(f"mpp must be a number of micrometres per pixel, got {mpp!r} ({type(mpp).__name__}).")
    if not np.isfinite(mpp) or not LIMITS[0] < mpp < LIMITS[1]:
        raise ValueError(f"mpp={mpp} um per pixel cannot be right: expected {LIMITS[0]} to {LIMITS[1]}.")


def _warn_disagreement(found: dict[str, tuple[float, str, float]], pixels_per_unit: float) -> None:
    used, *others = found.values()
    for other in others:
        if not 1 / 1.2 <= used[0] / other[0] <= 1.2:
            warn(
                f"Two sources disagree about the scale: {used[0] / pixels_per_unit:.4g} um per image pixel "
                f"({used[1]}) against {other[0] / pixels_per_unit:.4g} ({other[1]}). The first is used; "
                "pass `mpp` if it is wrong."
            )


def _warn_no_visium(xy: np.ndarray, um_per_unit: float) -> None:
    """A stored diameter says nothing but of Visium, whose spots are 100 um apart."""
    xy = xy[np.isfinite(xy).all(axis=1)]
    if len(np.unique(xy, axis=0)) < 2:
        return
    pitch = _nearest_step(xy, np.median) * um_per_unit
    if not 0.85 < pitch / VISIUM_PITCH < 1.15:
        warn(
            f"The stored spot diameter is taken as {VISIUM_SPOT:g} um, that of Visium; then the spots are {pitch:.0f} "
            f"um apart, and those of Visium {VISIUM_PITCH:g}. Pass `mpp` if they are another platform's."
        )


def _fit_lattice(
    xy: np.ndarray, array_row: np.ndarray, array_col: np.ndarray, diameter: float, bin_um: float | None
) -> _Lattice | None:
    """Fit the array to the centres; None if there is no array."""
    try:
        grid = np.column_stack([np.asarray(array_col, float), np.asarray(array_row, float)])
    except (TypeError, ValueError):
        return None
    known = np.isfinite(xy).all(axis=1) & np.isfinite(grid).all(axis=1)
    xy, grid = xy[known], grid[known]
    if len(np.unique(grid, axis=0)) < 2:
        return None
    # Visium columns count half pitches, so that row + column is even everywhere.
    hexagonal = bin_um is None and len(np.unique((grid.sum(axis=1)) % 2)) == 1
    hexagon = fit_similarity(grid * [VISIUM_PITCH / 2, VISIUM_PITCH * np.sqrt(3) / 2], xy) if hexagonal else None
    square = fit_similarity(grid, xy)
    # On a single row of spots both fit; then the parity decides.
    if hexagon and (square is None or hexagon[1] / VISIUM_PITCH <= square[1] + 0.02):
        scale, _, turn = hexagon
        transposed = bool(np.linalg.det(turn) < 0 and turn[0, 1] > 0.7 and turn[1, 0] > 0.7)
        return _Lattice(1 / scale, "array lattice (Visium, 100 um pitch)", VISIUM_SPOT, transposed)
    if square is None:
        return _MISFIT
    if bin_um is not None:
        return _Lattice(bin_um / square[0], f"array lattice (bins of {bin_um:g} um)", bin_um)
    if 0.35 < diameter / square[0] < 0.75:
        return _Lattice(ST_PITCH / square[0], "array lattice (legacy ST, 200 um pitch)", ST_SPOT)
    return _UNKNOWN


def fit_similarity(grid: np.ndarray, xy: np.ndarray) -> tuple[float, float, np.ndarray] | None:
    """Scale, median residual in grid units and rotation (or reflection) that best map ``grid`` onto ``xy``."""
    keep = np.ones(len(xy), dtype=bool)
    pitch = _nearest_step(grid)
    for _ in range(3):
        a, b = grid[keep] - grid[keep].mean(axis=0), xy[keep] - xy[keep].mean(axis=0)
        left, values, right = np.linalg.svd(b.T @ a)
        turn = left @ right
        scale = values.sum() / (a**2).sum()
        if not scale > 0:
            return None
        shift = xy[keep].mean(axis=0) - scale * turn @ grid[keep].mean(axis=0)
        error = np.linalg.norm(xy - (scale * grid @ turn.T + shift), axis=1) / scale
        # A few misplaced spots must not decide: fit again without them.
        trimmed = error <= max(3 * np.median(error), 1e-9 * pitch)
        if trimmed.sum() < 2 or (trimmed == keep).all():
            break
        keep = trimmed
    residual = float(np.median(error))
    return (float(scale), residual, turn) if residual < 0.3 * pitch else None


def _nearest_step(grid: np.ndarray, of: Callable[[np.ndarray], Any] = np.min) -> float:
    """Distance of neighbours, by default the smallest."""
    from scipy.spatial import cKDTree

    unique = np.unique(grid, axis=0)
    return float(of(cKDTree(unique).query(unique, k=2)[0][:, 1]))


def check_placement(pixels: np.ndarray, height: int, width: int, what: str = "the image") -> np.ndarray:
    """Which spots lie on the image; mistakes that put most of them elsewhere are named.

    Parameters
    ----------
    pixels
        Spot centres in pixels of the image, (n, 2) as x, y; NaN rows count as off the image.
    height
        Height of the image in pixels.
    width
        Width of the image in pixels.
    what
        Name of the image for messages.

    Returns
    -------
    Booleans, (n,): whether the centre lies on the image.

    Raises
    ------
    ValueError
        If x and y are swapped, if the coordinates belong to a larger image, or if no spot lies on it.
    """
    known = np.isfinite(pixels).all(axis=1)
    if not known.any():
        raise ValueError(f"No spot has finite coordinates, so none can be placed on {what}.")
    size = np.array([width, height], float)
    inside = known & (pixels >= 0).all(axis=1) & (pixels <= size).all(axis=1)
    share = inside.sum() / known.sum()
    if share > 0.5:
        return inside
    points = pixels[known]
    seen = (
        f"spots span x {points[:, 0].min():.0f} to {points[:, 0].max():.0f} and y {points[:, 1].min():.0f} to "
        f"{points[:, 1].max():.0f} px, while {what} is {width} px wide and {height} px high"
    )
    swapped = ((points >= 0) & (points[:, ::-1] <= size)).all(axis=1).mean()
    if swapped >= 0.9 and swapped > share:
        raise ValueError(
            f"x and y of the spots look swapped: {seen}; swapped, {swapped:.0%} of them lie on it. "
            "Store x (column) first and y (row) second."
        )
    top = np.quantile(points, 0.99, axis=0) / size
    if (points >= 0).mean() > 0.99 and top.max() > 1.5 and top.max() / max(top.min(), 1e-9) < 2:
        raise ValueError(
            f"The spots have the coordinates of an image about {top.max():.2g} times as large: {seen}. "
            "A downscaled image (hires or lowres) with full-resolution coordinates needs its scale factor: "
            "'tissue_<key>_scalef' for AnnData, a Scale transformation for SpatialData."
        )
    if not inside.any():
        raise ValueError(f"All {len(points)} spots lie off the image: {seen}. Check the image and its alignment.")
    return inside
