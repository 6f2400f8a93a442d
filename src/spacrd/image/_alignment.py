"""Alignments of an image: a 3 x 3 matrix, in a file or given, or pairs of landmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import warn
from .._files import checked_path

_KEYPOINTS = ("alignmentx", "alignmenty", "fixedx", "fixedy")
"""Columns of the keypoints that Xenium Explorer exports: on the image, and on the morphology image."""
_FEW, _APART = 3, 0.05


def read_alignment(path: str | os.PathLike[str]) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Read an alignment file: a 3 x 3 matrix, or keypoints, of Xenium Explorer.

    Returns
    -------
    The matrix (3, 3); or landmarks on the image and on the section, (n, 2) each.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds neither.
    """
    import pandas as pd

    file = checked_path(path, "alignment", "a file")
    if not file.is_file():
        raise FileNotFoundError(f"There is no alignment file {str(file)!r}.")
    expected = "expected 3 lines of 3 numbers, or columns fixedX, fixedY, alignmentX and alignmentY"
    try:
        table = pd.read_csv(file, header=None, comment="#", encoding="utf-8-sig", skipinitialspace=True)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(file)!r} is no alignment ({error}); {expected}.") from error
    names = [str(name).strip().lower() for name in table.iloc[0]] if len(table) else []
    if set(_KEYPOINTS) <= set(names):
        columns = [names.index(name) for name in _KEYPOINTS]
        points = _numbers(table.iloc[1:, columns], file, expected)
        return points[:, :2], points[:, 2:]
    return _numbers(table, file, expected)


def _numbers(table: Any, file: Path, expected: str) -> np.ndarray:
    try:
        return table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{str(file)!r} holds texts where numbers should be ({error}); {expected}.") from error


def check_matrix(matrix: Any, what: str = "alignment") -> np.ndarray:
    """Return a 3 x 3 affine matrix that can be inverted, float64; a mirrored one is fine.

    Raises
    ------
    ValueError
        If it has another shape, holds NaN, is no affine matrix, or maps the image onto a line or a point.
    """
    try:
        array = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must be a 3 x 3 matrix of numbers, got {type(matrix).__name__} ({error}).") from error
    if array.shape != (3, 3):
        raise ValueError(
            f"{what} has shape {array.shape}; expected a 3 x 3 matrix from pixels (x, y, 1) of the image to the "
            "coordinate system."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{what} holds NaN or infinite numbers: {array.tolist()}.")
    if not np.allclose(array[2], [0, 0, 1], atol=1e-9):
        hint = " It looks transposed." if np.allclose(array[:, 2], [0, 0, 1]) else ""
        raise ValueError(f"{what} is not affine: its last row is {array[2].tolist()}, expected [0, 0, 1].{hint}")
    longest, shortest = np.linalg.svd(array[:2, :2], compute_uv=False)
    if shortest <= 1e-9 * longest:
        raise ValueError(f"{what} is singular: it maps the image onto a line or a point: {array[:2].tolist()}.")
    return array


def check_landmarks(on_image: Any, on_section: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return landmarks as two arrays (n, 2) of pairs.

    Raises
    ------
    ValueError
        If they are no pairs, fewer than three, not finite, or lie on a line.
    """
    pairs = [np.asarray(points, dtype=np.float64) for points in (on_image, on_section)]
    shapes = [points.shape for points in pairs]
    if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][1] != 2 or shapes[0][0] < _FEW:
        raise ValueError(
            f"landmarks have the shapes {shapes[0]} on the image and {shapes[1]} on the section; expected the same "
            f"(n, 2) for both, x and y of at least {_FEW} points in the same order."
        )
    for points, where in zip(pairs, ("image", "section"), strict=True):
        if not np.isfinite(points).all():
            raise ValueError(f"landmarks on the {where} hold NaN or infinite numbers.")
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] <= 1e-6 * spread[0]:
            raise ValueError(f"landmarks on the {where} lie on a line or a point. Add one beside it.")
    return pairs[0], pairs[1]


def warn_misfit(matrix: np.ndarray, on_image: np.ndarray, on_section: np.ndarray) -> None:
    """Warn if landmarks lie far from where the alignment puts them, as where two were swapped."""
    apart = np.linalg.norm(on_image @ matrix[:2, :2].T + matrix[:2, 2] - on_section, axis=1)
    extent = np.ptp(on_section, axis=0).max()
    if apart.max() > _APART * extent:
        warn(
            f"Landmark {int(apart.argmax())} lies {apart.max():.3g} units from where the alignment puts it, "
            f"{apart.max() / extent:.0%} of what the landmarks span. Are they in the same order on image and section?"
        )
