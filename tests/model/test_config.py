"""Settings of a model as plain values: complete, and without copies of long lists."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from spacrd.model import ModelConfig
from spacrd.train import FitSettings, fit_sections
from tests.making.arrays import labelled_arrays


@pytest.fixture(scope="module")
def model():
    return fit_sections([labelled_arrays(1), labelled_arrays(2)], FitSettings.resolve(n_neighbors=6))


def test_plain_settings_are_all_settings(model) -> None:
    plain = model.config.to_dict()
    assert plain == asdict(model.config)
    assert json.dumps(plain) == json.dumps(asdict(model.config))
    assert ModelConfig.from_dict(json.loads(json.dumps(plain))) == model.config
    plain["training"]["sections"] = "another"
    assert model.config.training["sections"] != "another"


def test_a_model_is_saved_without_copies_of_its_genes(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model.config.to_dict()["expression"]["genes"] is model.config.expression.genes
    copied = []
    deepcopy = copy.deepcopy
    monkeypatch.setattr(copy, "deepcopy", lambda value, *memo: copied.append(value) or deepcopy(value, *memo))
    model.save(tmp_path / "model")
    assert not [value for value in copied if value in model.config.expression.genes]
