"""A model of expression alone, and the encoder of small images."""

from __future__ import annotations

import pytest

from tests.making import colour_encoder
from tests.making.models import fit_two
from tests.making.recipes import SHORT


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    colour_encoder.register(monkeypatch)


@pytest.fixture(scope="session")
def gene_model():
    return fit_two(modality="expression", recipe=SHORT)
