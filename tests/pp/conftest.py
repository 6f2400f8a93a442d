"""The encoder of these tests."""

from __future__ import annotations

import pytest

from tests.making import colour_encoder


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    colour_encoder.register(monkeypatch)
