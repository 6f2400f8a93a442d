"""An encoder whose answer is known: the mean colour."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import spacrd

from .image_sections import colour_at
from .registry import register_encoder

KEY = "X_colour"


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the encoder ``"colour"`` known to one test."""
    register_encoder(monkeypatch, "colour", lambda p: p.mean((1, 2)), dim=3, size=32)


def colours(xy, side=39.0):
    offset = np.linspace(-side / 2, side / 2, 41)
    x, y = np.meshgrid(offset, offset)
    return np.stack([colour_at(cx + x, cy + y).mean((1, 2)) for cx, cy in np.asarray(xy, float)])


def extract(data, **arguments):
    assert spacrd.pp.extract_patches(data, encoder="colour", **arguments) is None
    return data if isinstance(data, ad.AnnData) else data.tables["table"]


def section(table, key=KEY, name="one"):
    return table.uns["spacrd"][key]["sections"][name]


def check_colours(table, atol=1.0):
    assert table.obsm[KEY].dtype == np.float32
    assert np.abs(table.obsm[KEY] - colours(table.obsm["spatial"])).max() < atol
