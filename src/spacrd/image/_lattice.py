"""Capture arrays: the lattice that the spots of a platform lie on, and how it fits their coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

VISIUM_PITCH, ST_PITCH = 100.0, 200.0
VISIUM_SPOT, ST_SPOT = 65.0, 100.0
"""Micrometres. The diameter stored by Space Ranger is 65 um, though the spots are printed with 55."""


@dataclass(frozen=True)
class Lattice:
    """A capture array that fits the spots.

    Attributes
    ----------
    um_per_unit
        Micrometres per coordinate unit.
    source
        The array, in words.
    spot_um
        Spot diameter of the platform in micrometres.
    transposed
        Whether rows of the array run along x and columns along y.
    """

    um_per_unit: float
    source: str
    spot_um: float
    transposed: bool = False


MISFIT = Lattice(float("nan"), "the spots do not lie as their array says", float("nan"))
UNKNOWN = Lattice(float("nan"), "a square array that is not that of legacy ST", float("nan"))


def fit_lattice(
    xy: np.ndarray, array_row: np.ndarray, array_col: np.ndarray, diameter: float, bin_um: float | None
) -> Lattice | None:
    """Fit the array to the centres; None if there is no array, ``MISFIT`` or ``UNKNOWN`` if it says nothing."""
    try:
        grid = np.column_stack([np.asarray(array_col, float), np.asarray(array_row, float)])
    except (TypeError, ValueError):
        return None
    finite = np.isfinite(xy).all(axis=1) & np.isfinite(grid).all(axis=1)
    xy, grid = xy[finite], grid[finite]
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
        return Lattice(1 / scale, "array lattice (Visium, 100 um pitch)", VISIUM_SPOT, transposed)
    if square is None:
        return MISFIT
    if bin_um is not None:
        return Lattice(bin_um / square[0], f"array lattice (bins of {bin_um:g} um)", bin_um)
    if 0.35 < diameter / square[0] < 0.75:
        return Lattice(ST_PITCH / square[0], "array lattice (legacy ST, 200 um pitch)", ST_SPOT)
    return UNKNOWN


def off_array(xy: np.ndarray, array_row: Any, array_col: Any) -> np.ndarray:
    """Find the spots that lie half a pitch or more from where their array says, (n,) bool; all if it does not fit."""
    try:
        grid = np.column_stack([np.asarray(array_col, float), np.asarray(array_row, float)])
    except (TypeError, ValueError):
        return np.zeros(len(xy), bool)
    finite = np.isfinite(xy).all(axis=1) & np.isfinite(grid).all(axis=1)
    off = np.zeros(len(xy), bool)
    if len(np.unique(grid[finite], axis=0)) > 2:
        fits = [misplacement(grid[finite] * steps, xy[finite]) for steps in ([1.0, 1.0], [0.5, np.sqrt(3) / 2])]
        best = min(fits, key=np.median)
        off[finite] = best >= 0.5 if np.median(best) < 0.3 else True
    return off


def misplacement(grid: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Measure how far each point of ``xy`` lies from where the best similarity of ``grid`` puts it, (n,).

    In units of the distance of neighbours in ``grid``; infinite if nothing fits. Both are finite, (n, 2).
    """
    aligned = _align(grid, xy)
    return np.full(len(xy), np.inf) if aligned is None else aligned[2] / nearest_step(grid, np.median)


def fit_similarity(grid: np.ndarray, xy: np.ndarray) -> tuple[float, float, np.ndarray] | None:
    """Find scale, median residual in grid units and rotation (or reflection) that best map ``grid`` onto ``xy``.

    None if nothing fits.
    """
    aligned = _align(grid, xy)
    if aligned is None:
        return None
    scale, turn, error = aligned
    residual = float(np.median(error))
    return (scale, residual, turn) if residual < 0.3 * nearest_step(grid) else None


def _align(grid: np.ndarray, xy: np.ndarray) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Fit scale and rotation (or reflection) of ``grid`` to ``xy``, and the error of each point in grid units."""
    from scipy.linalg import orthogonal_procrustes

    keep = np.ones(len(xy), dtype=bool)
    pitch = nearest_step(grid)
    for _ in range(3):
        a, b = grid[keep] - grid[keep].mean(axis=0), xy[keep] - xy[keep].mean(axis=0)
        turn, total = orthogonal_procrustes(b, a)
        scale = total / (a**2).sum()
        if not scale > 0:
            return None
        shift = xy[keep].mean(axis=0) - scale * turn @ grid[keep].mean(axis=0)
        error = np.linalg.norm(xy - (scale * grid @ turn.T + shift), axis=1) / scale
        # A few misplaced spots must not decide: fit again without them.
        trimmed = error <= max(3 * np.median(error), 1e-9 * pitch)
        if trimmed.sum() < 2 or (trimmed == keep).all():
            break
        keep = trimmed
    return float(scale), turn, error


def nearest_step(grid: np.ndarray, of: Callable[[np.ndarray], Any] = np.min) -> float:
    """Measure the distance of neighbours, by default the smallest."""
    from scipy.spatial import cKDTree

    unique = np.unique(grid, axis=0)
    return float(of(cKDTree(unique).query(unique, k=2)[0][:, 1]))
