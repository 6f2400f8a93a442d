from __future__ import annotations

import os
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import spacrd
from spacrd.model import SpaCRD

from .folders import edit


def test_round_trip_scores_bit_identically(model, section, tmp_path):
    model.save(tmp_path / "m")
    loaded = spacrd.SpaCRD.load(tmp_path / "m")
    assert loaded.config == model.config
    assert loaded.history == model.history
    assert loaded.id == model.id
    one, two = model.predict(section), loaded.predict(section)
    np.testing.assert_array_equal(one.likelihood, two.likelihood)
    np.testing.assert_array_equal(one.latent, two.latent)
    np.testing.assert_array_equal(one.uncertainty, two.uncertainty)
    assert repr(one.shift) == repr(two.shift)  # NaN is not equal to itself
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "README.md",
        "config.json",
        "history.json",
        "model.safetensors",
    ]
    assert "research use only" in (tmp_path / "m" / "README.md").read_text().lower()
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_block_size_does_not_change_scores(model, section):
    one, two = model.predict(section, batch_size=4096), model.predict(section, batch_size=7)
    np.testing.assert_allclose(one.logit, two.logit, atol=1e-6)


def test_saving_never_overwrites_unasked(model, tmp_path):
    model.save(tmp_path / "m")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "m")
    model.save(tmp_path / "m", overwrite=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="not a spacrd model"):
        model.save(other, overwrite=True)
    assert (other / "thesis.txt").read_text() == "years of work"


def test_saving_makes_the_folders_above_and_nothing_elsewhere(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    model.save(tmp_path / "a" / "b" / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["m"]
    assert (tmp_path / "a" / "b" / "m").stat().st_mode & 0o777 == 0o755


def test_failed_save_leaves_the_old_model(model, tmp_path, monkeypatch):
    model.save(tmp_path / "m")
    before = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}
    monkeypatch.setattr("spacrd.model._io._folder.model_card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.save(tmp_path / "m", overwrite=True)
    assert {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format_version=99), "format version 99.*Update spacrd"),
        (lambda c: c.update(surprise=1), "unknown entries 'surprise'.*pip install -U spacrd"),
        (lambda c: c.pop("seed"), "missing entries 'seed'"),
        (lambda c: c.pop("format_version"), "format_version"),
        (lambda c: c.update(members="two"), "members: input should be a valid integer, found 'two'"),
        (lambda c: c["network"].update(width=16), "shape"),
        (lambda c: c["network"].update(n_genes=6), "contradicts itself"),
        (
            lambda c: c["network"].update(width=10**12),
            "network.width: .* less than or equal to 65536, found 1000000000000",
        ),
        (lambda c: c.update(members=3), "does not fit its config"),
        (lambda c: c["network"].update(token_norm="sideways"), "token_norm"),
        (lambda c: c["expression"].update(scaling="sideways"), "scaling"),
        (lambda c: c.update(members=0), "0 networks"),
    ],
)
def test_configs_that_do_not_fit_are_refused(model, tmp_path, change, message):
    model.save(tmp_path / "m")
    edit(tmp_path / "m", change)
    with pytest.raises(ValueError, match=message):
        SpaCRD.load(tmp_path / "m")


@pytest.mark.parametrize("keep", [0, 4, 0.5, 0.99])
def test_truncated_weights_are_refused(model, tmp_path, keep):
    model.save(tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(ValueError, match="damaged or cut short"):
        SpaCRD.load(tmp_path / "m")


def test_foreign_weights_are_refused(model, tmp_path):
    model.save(tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    tensors = {key: tensor.clone() for key, tensor in load_file(weights).items()}  # no view of the file, which changes
    name = "voters.networks.0.classifier.0.weight"
    for bad, message in (
        (tensors[name].double(), "is F64, the config asks for F32"),
        (tensors[name] * float("nan"), "NaN"),
        (tensors[name][:1].clone(), "shape"),
    ):
        save_file({**tensors, name: bad}, weights)
        with pytest.raises(ValueError, match=message):
            SpaCRD.load(tmp_path / "m")


def test_missing_parts_are_named(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="no model folder"):
        SpaCRD.load(tmp_path / "nowhere")
    model.save(tmp_path / "m")
    os.remove(tmp_path / "m" / "model.safetensors")
    with pytest.raises(FileNotFoundError, match="'model.safetensors' is missing"):
        SpaCRD.load(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text("{")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="damaged"):
        SpaCRD.load(tmp_path / "m")


def test_card_and_repr_name_the_essentials(model):
    text = repr(model)
    assert model.id in text
    assert "5 genes" in text
    assert "X_mine (4 dimensions)" in text


def test_section_without_any_modality_is_refused(model, section):

    with pytest.raises(ValueError, match="none of what the model reads"):
        model.predict(replace(section, counts=None, genes=None, image=None))
