from __future__ import annotations

import pytest

import spacrd

from ..tl.conftest import make_section, small_recipe


@pytest.fixture(scope="session")
def both_model():
    """Both modalities, calibrated, fitted on two small sections."""
    sections = [make_section(1), make_section(2)]
    return spacrd.tl.fit(sections, "pathologist", positive="invasive cancer", recipe=small_recipe())
