"""A model folder that somebody else made can be read, and no more than read."""

from __future__ import annotations

import os
import shutil
import struct
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from spacrd.model import SpaCRD
from spacrd.model._io._folder import CONFIG, FILES, HISTORY, WEIGHTS
from spacrd.model._io._json import MAX_JSON
from spacrd.model._io._weights import MAX_WEIGHTS, check_size

from .folders import edit, header, memory, seal

LIMIT = 50_000_000
"""Bytes that refusing a small folder may take at most."""


def refused(folder: Path, message: str, kind: type[Exception] = ValueError) -> None:
    with memory() as taken, pytest.raises(kind, match=message):
        SpaCRD.load(folder)
    assert taken() < LIMIT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"format_version": 1, "seed": 1, "seed": 2}', "there twice: 'seed'"),
        (b'{"format_version": 1, "propagation": NaN}', "NaN is no JSON number"),
        (b'{"format_version": 1, "propagation": -Infinity}', "-Infinity is no JSON number"),
        (b'{"format_version": 1, "propagation": 1e999}', "1e999 is no JSON number"),
        (b'{"format_version": ' + b"9" * 5000 + b"}", "damaged: Exceeds the limit"),
        (b'{"format_version": ' + b"9" * 400 + b"}", "format version 9.*pip install -U spacrd"),
        (b"[" * 100_000, "damaged: maximum recursion"),
        (b"[" + b"[]," * 5_000_000 + b"1]", "more than 100000 parts"),
        (b'{"format_version": 1, "a": ' + b"[" * 500 + b"]" * 500 + b"}", "does not fit"),
        (b'{"label_key": "caf\xe9"}', "damaged: 'utf-8' codec"),
        (b'\xef\xbb\xbf{"format_version": 1}', "damaged: Unexpected UTF-8 BOM"),
        (b"", "damaged"),
        (b"null", "not a spacrd model"),
        (b"[3]", "not a spacrd model"),
        (b'{"format_version": true}', "not a spacrd model"),
        (b'{"format_version": 1}', "missing entries 'network'"),
        (b"{" + b",".join(b'"%d": 1' % i for i in range(2000)) + b"}", "a table of 2000 entries"),
    ],
)
def test_odd_json_is_refused(folder, text, message):
    (folder / CONFIG).write_bytes(text)
    refused(folder, message)


LONG = "x" * 2000


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("network.width", 2**40, "network.width"),
        ("network.hidden", [8], "network.hidden"),
        ("network.hidden", [16, 8, 8], "network.hidden"),
        ("network.dropout", 1.5, "network.dropout"),
        ("network.heads", 3, "not divisible by heads"),
        ("discriminants", ["smell"], "discriminants"),
        ("discriminants", ["image"], "contradicts itself"),
        ("discriminants", ["image", "image"], "contradicts itself"),
        ("network.logvar_bound", -1.0, "network.logvar_bound"),
        ("network.attention", 1, "network.attention"),
        ("network", None, "contradicts itself"),
        ("expression.genes", ["g0", "g0", "g1", "g2", "g3"], "not unique"),
        ("expression.depth_genes", ["g0", "g0"], "not unique"),
        ("expression.genes", ["g0", "g1"], "contradicts itself: network for 5 genes"),
        ("expression.genes", [1] * 100_000, "expression.genes.0"),
        ("expression.genes", [LONG], "at most 1000 characters"),
        ("expression.genes", ["g0", "", "g2", "g3", "g4"], "expression.genes.1"),
        ("positive", [""], "positive.0"),
        ("expression.target_sum", 0, "expression.target_sum"),
        ("expression", None, "contradicts itself"),
        ("image.dim", 5, "contradicts itself"),
        ("image.patch_um", -3, "image.patch_um"),
        ("image.key", "", "image.key"),
        ("n_neighbors", 10**6, "n_neighbors"),
        ("n_neighbors", 0, "n_neighbors"),
        ("max_distance_um", -1, "max_distance_um"),
        ("positive", [], "positive"),
        ("positive", "cancer", "positive"),
        ("label_key", LONG, "label_key"),
        ("label_key", "\ud800", "does not fit"),
        ("seed", 2**63, "seed"),
        ("seed", -1, "seed"),
        ("seed", 1.0, "seed"),
        ("members", 101, "members"),
        ("presence", {"tumour_above": 1e12, "no_tumour_below": 0.0}, "presence.tumour_above"),
        ("training_share", 1.5, "training_share"),
        ("n_sections", 0, "n_sections"),
        ("n_sections", 10**9, "n_sections"),
        ("propagation", 1.0, "propagation"),
        ("calibration.slope", 0, "calibration.slope"),
        ("calibration.scales", [1.0, 1.0], "calibration of 2"),
        ("calibration.scales", [0.0], "calibration.scales"),
        ("calibration.n_sections", 0, "verdict without a calibration"),
        ("training", {"a": {"b": 1}}, "training"),
        ("training", {str(i): i for i in range(101)}, "at most 100 items"),
        ("network.surprise", 1, "unknown entries 'network.surprise'.*pip install -U spacrd"),
        ("image.weights_sha256", ..., "missing entries 'image.weights_sha256'"),
        ("propagation", ..., "missing entries 'propagation'"),
    ],
)
def test_every_field_is_held_to_its_type_and_bounds(folder, where, value, message):
    def change(config):
        *path, last = where.split(".")
        for step in path:
            config = config[step]
        config[last] = value
        if value is ...:
            del config[last]

    edit(folder, change)
    refused(folder, message)


def test_of_many_errors_three_are_told(folder):
    edit(folder, lambda c: c.update(members=101, seed=-1, n_sections=0))
    refused(folder, r"members: .*; .*: .*; .*: [^;]*\.$")
    edit(folder, lambda c: c.update(n_neighbors=0, training_share=2.0))
    refused(folder, r": .*; .*: .*; .*: [^;]*; and 2 more\.$")


def test_the_size_of_a_network_is_in_bytes():
    wanted = {"a": torch.empty(MAX_WEIGHTS // 4, device="meta")}
    check_size(wanted, "config.json")
    with pytest.raises(ValueError, match="config.json asks for .* GB of weights"):
        check_size({**wanted, "b": torch.empty(1, device="meta")}, "config.json")


def test_a_newer_format_says_who_wrote_it_and_what_to_do(folder):
    edit(folder, lambda c: c.update(format_version=2, training={"spacrd_version": "7.0"}, novelty=1))
    refused(folder, "format version 2, written by spacrd 7.0; this spacrd .* reads up to 1.*`pip install -U spacrd`")


def test_formats_count_from_one(folder):
    edit(folder, lambda c: c.update(format_version=0))
    refused(folder, "format version 0: formats count from 1")


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [65_536, 65_536]},
        {"width": 65_536, "heads": 1},
        {"hidden": [65_536, 65_536], "width": 65_536, "vae_hidden": [65_536, 65_536], "latent": 65_536, "heads": 1},
    ],
)
def test_networks_of_terabytes_are_refused_before_anything_is_allocated(folder, change):
    edit(folder, lambda c: c["network"].update(change))
    refused(folder, r"asks for [\d,]+ GB of weights; at most 9 GB")


def test_many_networks_are_refused_without_being_made(folder):
    edit(folder, lambda c: c.update(members=100))
    refused(folder, "does not fit its config: missing")


NAME = "voters.networks.0.classifier.0.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[NAME].update(shape=[2**40, 2**40]), "damaged or cut short"),
        (lambda t: t[NAME].update(shape=list(reversed(t[NAME]["shape"]))), "has shape"),
        (lambda t: t[NAME].update(dtype="I32"), "is I32, the config asks for F32"),
        (lambda t: t[NAME].update(data_offsets=[0, 2**50]), "damaged or cut short"),
        (lambda t: t.update({"../../evil": t.pop(NAME)}), "unknown '../../evil'"),
        (lambda t: t.pop(NAME), "damaged or cut short"),
    ],
)
def test_headers_that_do_not_fit_are_refused(folder, change, message):
    header(folder, change)
    refused(folder, message)


def test_headers_of_absurd_length_are_refused(folder):
    raw = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 2**60) + raw[8:])
    refused(folder, "a header of 1152921504606846976 bytes")


def test_pointers_of_git_lfs_say_how_to_get_the_weights(folder):
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    refused(folder, "git lfs pull")


def test_files_of_absurd_size_are_refused_unread(folder):
    with (folder / CONFIG).open("r+b") as stream:
        stream.truncate(MAX_JSON + 1)
    refused(folder, "config.json has 17 MB; at most 17 MB are read")
    shutil.copy(folder / HISTORY, folder / CONFIG)
    with (folder / CONFIG).open("r+b") as stream:
        stream.truncate(2**40)  # a hole, not a terabyte
    refused(folder, "config.json has 1,099,512 MB")


def test_weights_of_absurd_size_are_refused_unread(folder):
    with (folder / WEIGHTS).open("r+b") as stream:
        stream.truncate(2**40)
    refused(folder, "model.safetensors has 1,099,512 MB")


@pytest.mark.parametrize("name", ["voters.networks.0.encoders.expression.rest.0.running_var", "reference.image_spread"])
def test_negative_spreads_are_refused(folder, name):
    tensors = load_file(folder / WEIGHTS)
    save_file({**tensors, name: -tensors[name]}, folder / WEIGHTS)
    seal(folder)
    refused(folder, "negative spread")
    save_file({**tensors, name: tensors[name] * 0}, folder / WEIGHTS)  # of constant features
    seal(folder)
    SpaCRD.load(folder)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, HISTORY])
def test_links_out_of_the_folder_are_refused(folder, name, tmp_path):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    refused(folder, f"{name} is a link that leads out of its folder")
    (folder / name).unlink()
    (folder / name).symlink_to(Path("..") / name)
    refused(folder, f"{name} is a link that leads out of its folder")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, HISTORY])
def test_links_to_nothing_and_to_themselves_are_missing_files(folder, name):
    (folder / name).unlink()
    (folder / name).symlink_to("nowhere")
    refused(folder, f"'{name}' is missing", FileNotFoundError)
    (folder / name).unlink()
    (folder / name).symlink_to(name)
    refused(folder, f"'{name}' is missing", FileNotFoundError)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, HISTORY])
def test_pipes_folders_and_devices_are_refused_at_once(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, "no file but a folder, a pipe or a device")
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, "no file but a folder, a pipe or a device")
    (folder / name).rmdir()
    (folder / name).symlink_to("/dev/zero")
    refused(folder, "leads out of its folder, to /dev/zero")


def test_a_linked_folder_and_links_within_it_are_fine(folder, tmp_path, model):
    (tmp_path / "link").symlink_to(folder)
    assert SpaCRD.load(tmp_path / "link").id == model.id
    (folder / "weights").mkdir()
    shutil.move(folder / WEIGHTS, folder / "weights" / "w")
    (folder / WEIGHTS).symlink_to("weights/w")
    assert SpaCRD.load(folder).id == model.id


def test_parts_of_two_models_are_not_mixed(folder, model, tmp_path):
    """Of the same shapes, so that only the checksum tells."""
    other = SpaCRD(
        replace(model.config, seed=1), deepcopy(model.parts), [{"stage": "fusion", "epoch": 0, "total": 2.0}]
    )
    other.networks[0].classifier[0].bias.data += 1
    other.save(tmp_path / "other")
    for name in (CONFIG, WEIGHTS, HISTORY):
        mixed = tmp_path / f"mixed-{name}"
        shutil.copytree(folder, mixed)
        shutil.copy(tmp_path / "other" / name, mixed / name)
        refused(mixed, "do not belong together")


def test_a_changed_setting_or_weight_is_noticed(folder):
    raw = bytearray((folder / WEIGHTS).read_bytes())
    raw[-4] ^= 1
    (folder / WEIGHTS).write_bytes(raw)
    refused(folder, "changed after they were saved")
    raw[-4] ^= 1
    (folder / WEIGHTS).write_bytes(raw)
    SpaCRD.load(folder)
    edit(folder, lambda c: c["expression"].update(genes=["g1", "g0", "g2", "g3", "g4"]))
    refused(folder, "changed after they were saved")
    edit(folder, lambda c: c.pop("checksum"))
    refused(folder, "changed after they were saved")


def test_the_card_and_the_layout_of_the_json_are_free(folder, model):
    (folder / "README.md").write_text("# Ours, with a photograph")
    (folder / "photograph.png").write_bytes(b"")
    edit(folder, lambda c: None)
    assert SpaCRD.load(folder).id == model.id


def test_losses_that_are_no_numbers_survive(model, tmp_path):
    losses = [{"stage": "fusion", "epoch": 0, "total": float("nan")}, {"stage": "fusion", "epoch": 1, "total": 1.5}]
    SpaCRD(model.config, model.parts, losses).save(tmp_path / "m")
    assert "NaN" not in (tmp_path / "m" / HISTORY).read_text()
    loaded = SpaCRD.load(tmp_path / "m").history
    assert np.isnan(loaded[0]["total"]) and loaded[1] == losses[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{}", "epochs"),
        (b"[1]", "epochs.0"),
        (b'[{"a": [1]}]', "epochs.0.a"),
        (b'[{"a": 1, "a": 2}]', "twice"),
        (b"[" + b",".join([b"1"] * 100_000) + b"]", "epochs.0"),
        (b"[" + b",".join([b"{}"] * 5_000_000) + b"]", "more than 100000 parts"),
    ],
)
def test_odd_histories_are_refused(folder, text, message):
    (folder / HISTORY).write_bytes(text)
    refused(folder, message)


def test_what_could_not_be_loaded_is_not_saved(model, tmp_path):
    for config, message in (
        (replace(model.config, n_neighbors=5000), "n_neighbors"),
        (replace(model.config, seed=np.int64(3)), "more than plain JSON"),
        (replace(model.config, training={"note": float("nan")}), "more than plain JSON"),
    ):
        with pytest.raises(ValueError, match=message):
            SpaCRD(config, model.parts, model.history).save(tmp_path / "deep" / "m")
        assert not list(tmp_path.iterdir())
    broken = deepcopy(model.parts)
    broken.voters.networks[0].classifier[0].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"Nothing was saved: .*deep/m/model\.safetensors.* holds NaN"):
        SpaCRD(model.config, broken, model.history).save(tmp_path / "deep" / "m")
    assert not list((tmp_path / "deep").iterdir())


def test_the_home_folder_has_a_short_name(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model.save("~/m")
    assert (tmp_path / "m" / CONFIG).is_file()
    assert SpaCRD.load("~/m").id == model.id


def test_only_spacrd_models_are_overwritten(model, folder, tmp_path, monkeypatch):
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"not overwritten: it holds 'thesis\.txt'"):
        model.save(folder, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "years of work"
    foreign = tmp_path / "timm"
    foreign.mkdir()
    for name, text in ((CONFIG, '{"architecture": "vit"}'), (WEIGHTS, "x"), ("README.md", "# Mine")):
        (foreign / name).write_text(text)
    with pytest.raises(ValueError, match="not a spacrd model"):
        model.save(foreign, overwrite=True)
    (foreign / CONFIG).write_text("{")
    with pytest.raises(ValueError, match="not a spacrd model"):
        model.save(foreign, overwrite=True)
    assert (foreign / "README.md").read_text() == "# Mine"
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ValueError, match="not a folder"):
        model.save(tmp_path / "link", overwrite=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="the folder you are in"):
        model.save(".")
    for nothing in ("", None, 3):
        with pytest.raises(TypeError, match="path must name"):
            model.save(nothing)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "link", "m", "timm"]
    assert set(FILES) < {p.name for p in folder.iterdir()}
