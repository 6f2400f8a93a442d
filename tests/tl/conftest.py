from __future__ import annotations

import pytest

from tests.making.models import fit
from tests.making.sections import make_section


@pytest.fixture(scope="session")
def training_sections():
    return [make_section(1), make_section(2)]


@pytest.fixture(scope="session")
def both_model(training_sections):
    return fit(training_sections)


@pytest.fixture(scope="session")
def gene_model(training_sections):
    return fit(training_sections, modality="expression")


@pytest.fixture
def target():
    return make_section(3)
