"""Here toy sections are what is tested: each is painted anew."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _paint_once() -> None:
    """Take the place of the fixture of all other tests."""
