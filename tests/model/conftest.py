from __future__ import annotations

import shutil

import pytest

from tests.making.arrays import random_arrays
from tests.making.models import random_model


@pytest.fixture(scope="session")
def model():
    return random_model()


@pytest.fixture(scope="session")
def section():
    return random_arrays()


@pytest.fixture(scope="session")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "m"
    model.save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A saved model, to be changed."""
    return shutil.copytree(saved, tmp_path / "m")
