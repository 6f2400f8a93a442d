from __future__ import annotations

import pytest

from tests.making.models import fit_two


@pytest.fixture(scope="session")
def both_model():
    """Both modalities, calibrated."""
    return fit_two()
