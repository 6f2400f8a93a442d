"""What is measured, and what was measured of it: places in micrometres, counts, and an image known everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from tests.making.image_sections import colour_at

SectionImage = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Colours (3, ...) in 0 to 255 at x and y in micrometres."""


@dataclass(frozen=True)
class Measured:
    """Places, counts and genes of one section, in micrometres and without any file format."""

    xy_um: np.ndarray
    counts: Any
    genes: list[str]
    array: np.ndarray = field(default_factory=lambda: np.empty((0, 2), int))
    """Row and column on the capture array, (n, 2); empty if there is none."""

    @property
    def ensembl(self) -> list[str]:
        """An identifier for each gene."""
        return [f"ENSG{abs(hash_of(gene)) % 10**11:011d}" for gene in self.genes]


def hash_of(text: str) -> int:
    """A number for a text that is the same in every process."""
    import zlib

    return zlib.crc32(text.encode())


def poisson(xy_um: np.ndarray, array: np.ndarray, n_genes: int = 12, rate: float = 2.0) -> Measured:
    """Counts without any structure at these places."""
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(rate, (len(xy_um), n_genes)))
    return Measured(xy_um, counts, [f"GENE{i}" for i in range(n_genes)], array)


def hexagonal(n_rows: int, n_cols: int, pitch: float = 100.0, margin: float = 150.0) -> tuple[np.ndarray, np.ndarray]:
    """Visium spots: centres in micrometres, and row and column on the array."""
    rows, columns = (part.ravel() for part in np.mgrid[:n_rows, :n_cols])
    columns = 2 * columns + rows % 2
    xy = np.column_stack([columns * pitch / 2, rows * pitch * 3**0.5 / 2]) + margin
    return xy, np.column_stack([rows, columns])


def squares(n_rows: int, n_cols: int, pitch: float, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Legacy ST spots or Visium HD bins: centres in micrometres, and row and column on the array."""
    rows, columns = (part.ravel() for part in np.mgrid[:n_rows, :n_cols])
    return np.column_stack([columns, rows]) * pitch + margin, np.column_stack([rows, columns])


def photograph(to_um: np.ndarray, height: int, width: int, image: SectionImage = colour_at) -> np.ndarray:
    """The tissue as a camera sees it, uint8 (height, width, 3); ``to_um`` maps pixels to micrometres."""
    total = np.zeros((3, height, width))
    for dy in (0.25, 0.75):
        for dx in (0.25, 0.75):
            py, px = np.mgrid[0:height, 0:width]
            x, y, _ = to_um @ np.stack([px + dx, py + dy, np.ones_like(px, float)]).reshape(3, -1)
            total += image(x, y).reshape(3, height, width)
    return np.rint(total / 4).astype(np.uint8).transpose(1, 2, 0)


def camera(
    width_um: float, height_um: float, mpp: float, *, degrees: float = 0.0, flip: bool = False, shift: float = 0.0
) -> tuple[np.ndarray, int, int]:
    """Matrix from micrometres to pixels with the whole tissue in view; height and width of that view."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / mpp
    if flip:
        turn = np.diag([-1.0, 1.0]) @ turn
    corners = turn @ np.array([[0, width_um, 0, width_um], [0, 0, height_um, height_um]])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, shift - corners.min(axis=1)
    width, height = np.ceil(np.ptp(corners, axis=1) + 2 * shift - 1e-6).astype(int)
    return matrix, int(height), int(width)


def move(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Points (n, 2) through an affine matrix."""
    return xy @ matrix[:2, :2].T + matrix[:2, 2]
