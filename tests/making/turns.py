"""The same places, shifted, turned, mirrored or rounded to pixels."""

from __future__ import annotations

import numpy as np

ANGLES = (15, 40, 90)
"""In degrees."""


def turned(xy: np.ndarray, degrees: float, *, mirrored: bool = False) -> np.ndarray:
    """Places turned around the origin, mirrored before."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (xy * [-1, 1] if mirrored else xy) @ matrix


def moved(xy: np.ndarray) -> dict[str, np.ndarray]:
    """The same section as it may lie: elsewhere, in other directions, and with whole pixels for coordinates."""
    places = {"shifted": xy + 1e6, "rounded": np.round(xy), "mirrored": turned(xy, 0, mirrored=True)}
    for degrees in ANGLES:
        places[f"turned by {degrees}"] = turned(xy, degrees)
        places[f"turned by {degrees}, rounded"] = np.round(turned(xy, degrees))
        places[f"mirrored, turned by {degrees}, rounded"] = np.round(turned(xy, degrees, mirrored=True))
    return places


def lattice(kind: str, side: int, pitch: float) -> np.ndarray:
    """``side`` times ``side`` places of a ``"square"`` or ``"hexagonal"`` lattice."""
    row, column = np.divmod(np.arange(side**2), side)
    if kind == "square":
        return np.column_stack([column, row]) * pitch
    return np.column_stack([column + 0.5 * (row % 2), row * np.sqrt(3) / 2]) * pitch
