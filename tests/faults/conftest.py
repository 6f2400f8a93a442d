"""One small model for all faults."""

from __future__ import annotations

import pytest

import spacrd

from ..tl.conftest import make_section
from .jobs import POSITIVE, QUICK


@pytest.fixture(scope="session")
def model():
    return spacrd.tl.fit([make_section(1), make_section(2)], "pathologist", positive=POSITIVE, recipe=QUICK)
