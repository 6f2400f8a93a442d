"""The encoder of these tests."""

from __future__ import annotations

import pytest

import spacrd
from spacrd.encoders import _registry


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    monkeypatch.setattr(_registry, "_registered", {})
    spacrd.encoders.register("colour", lambda p: p.mean((1, 2)), dim=3, size=32)
