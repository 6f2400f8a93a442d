"""Models of every released format load, and score as they did when they were made."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd.model._config import FORMAT_VERSION

from ..data.models.make import HERE, read_section, scores

TOLERANCE = 1e-5
"""Between processors and versions of torch: sums of float32 come out differently in the last digits.

Instruction sets (``ATEN_CPU_CAPABILITY=default``, ``avx2``, ``avx512``) differ by less than 1e-6 (``pytest -s``).
"""
VERSIONS = sorted(int(folder.name[1:]) for folder in HERE.glob("v*"))


@pytest.mark.parametrize("name", ["default", "published"])
@pytest.mark.parametrize("version", VERSIONS)
def test_golden_models_score_as_they_did(version, name):
    home = HERE / f"v{version}"
    assert json.loads((home / name / "config.json").read_text())["format_version"] == version
    model = spacrd.SpaCRD.load(home / name)
    assert model.config.recipe == name
    found = scores(spacrd.tl.score(read_section(home / "section.csv"), model, copy=True))
    golden = pd.read_csv(home / f"{name}.csv")
    assert golden["likelihood"].min() < 0.1 and golden["likelihood"].max() > 0.9  # not all the same
    assert list(found) == list(golden)
    print(f"largest difference of {name}: {np.nanmax(np.abs(found.to_numpy() - golden.to_numpy())):.1e}")
    np.testing.assert_allclose(found, golden, rtol=0, atol=TOLERANCE)


def test_the_present_format_has_a_golden_folder():
    assert FORMAT_VERSION in VERSIONS, "python -m tests.data.models.make; see tests/data/models/README.md"
    assert max(VERSIONS) == FORMAT_VERSION


def test_golden_folders_stay_small():
    files = [path for path in HERE.rglob("v*/**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000 * len(VERSIONS)


@pytest.mark.parametrize("name", ["default", "published"])
def test_cards_say_what_the_model_is_for(name):
    for version in VERSIONS:
        text = (HERE / f"v{version}" / name / "README.md").read_text()
        assert "For research use only. Not a medical device; not for diagnosis." in text
