"""The encoder of these tests."""

from __future__ import annotations

import pytest

from tests.making import pixel_encoder


@pytest.fixture(autouse=True)
def _pixels(monkeypatch):
    pixel_encoder.register(monkeypatch)
