"""One small model for all faults."""

from __future__ import annotations

import pytest

from tests.making.models import fit_two
from tests.making.recipes import SHORT


@pytest.fixture(scope="session")
def model():
    return fit_two(recipe=SHORT)
