"""Profiles of hypothesis, and one small model for all properties.

The default profile is quick and draws the same examples each time. To look for bugs, for some minutes:

    HYPOTHESIS_PROFILE=thorough pytest tests/properties
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.making.models import fit_two
from tests.making.recipes import small_recipe

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
QUICK = settings(derandomize=True, deadline=None, database=None, suppress_health_check=SLOW)
settings.register_profile("quick", QUICK, max_examples=25)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=SLOW,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain takes longer than to find
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
settings.load_profile(PROFILE if PROFILE in ("quick", "thorough") else "quick")


@pytest.fixture(scope="session")
def model():
    """Both modalities, calibrated."""
    return fit_two(recipe=small_recipe(members=1))
