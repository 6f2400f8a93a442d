"""An encoder that keeps every pixel of a patch, and what these pixels must be."""

from __future__ import annotations

import numpy as np

import spacrd

from .image_sections import colour_at
from .platforms.tissue import move
from .registry import register_encoder

SIZE = 40
KEY = "X_pixels"


def register(monkeypatch) -> None:
    """Make the encoder ``"pixels"`` known to one test."""
    register_encoder(monkeypatch, "pixels", lambda p: p.reshape(len(p), -1).astype(float), dim=3 * SIZE**2, size=SIZE)


def expected(centres: np.ndarray, side: float, to_um: np.ndarray, image=colour_at) -> np.ndarray:
    """Pixels (n, dim) of squares around ``centres``, ``side`` wide, axes and units those of a coordinate system.

    ``to_um`` maps the coordinate system to micrometres. Each pixel is the mean of what it covers.
    """
    fine = 2
    offset = ((np.arange(SIZE * fine) + 0.5) / (SIZE * fine) - 0.5) * side
    x, y = np.meshgrid(offset, offset)
    rows = []
    for cx, cy in np.asarray(centres, float):
        um = move(to_um, np.column_stack([(cx + x).ravel(), (cy + y).ravel()]))
        colours = image(*um.T).reshape(3, SIZE, fine, SIZE, fine).mean((2, 4))
        rows.append(colours.transpose(1, 2, 0).ravel())
    return np.stack(rows)


def extract(sdata, table_key: str = "table", **arguments):
    """The table with its patches."""
    assert spacrd.pp.extract_patches(sdata, encoder="pixels", table_key=table_key, **arguments) is None
    return sdata.tables[table_key]


def facts(table) -> dict:
    """Record of the only section."""
    (section,) = table.uns["spacrd"][KEY]["sections"].values()
    return section


def check(table, want: np.ndarray, atol: float = 2.0) -> None:
    """Every pixel of every patch, but where the patch was padded or the spot lies off the image.

    spatialdata cuts off fractions each time it halves an image: a level of colour for each level of the pyramid.
    """
    atol += facts(table)["level"]
    inside = table.obs["spacrd_in_image"].to_numpy()
    whole = inside & ~table.obs["spacrd_padded"].to_numpy()
    assert whole.sum() > 20
    assert np.isnan(table.obsm[KEY][~inside]).all()
    error = np.abs(table.obsm[KEY][whole] - want[whole])
    assert error.max() <= atol, f"{error.max():.1f} of 255 in a pixel, {error.mean():.2f} on average"
