"""One small model for all faults."""

from __future__ import annotations

import pytest

from tests.making.models import SHORT, fit_two


@pytest.fixture(scope="session")
def model():
    return fit_two(recipe=SHORT)
