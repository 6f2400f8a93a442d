"""Model folders on a disk that others read: permissions, and a folder that is replaced while it is loaded."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
from pathlib import Path

import pytest

import spacrd
from spacrd.model._io import _folder
from tests.making.models import random_model


@pytest.fixture(scope="module")
def model():
    return random_model()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o002, 0o022, 0o027, 0o077], ids=oct)
def test_saved_files_follow_the_umask(model, tmp_path, umask):
    before = os.umask(umask)
    try:
        for _ in range(2):  # made, and replaced
            model.save(tmp_path / "lab" / "m", overwrite=True)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "lab" / "m").iterdir()}
            assert set(modes.values()) == {0o666 & ~umask}, modes
            assert stat.S_IMODE((tmp_path / "lab" / "m").stat().st_mode) == 0o777 & ~umask
    finally:
        os.umask(before)
    assert [file.name for file in (tmp_path / "lab").iterdir()] == ["m"]


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(model, tmp_path, monkeypatch):
    other = random_model()
    other.history.append({"stage": "fusion", "epoch": 1, "total": 0.5})
    model.save(tmp_path / "m")
    read_json, replaced = _folder.read_json, []

    def replace_after_config(folder: Path, name: str):
        found = read_json(folder, name)
        if name == "config.json" and not replaced:
            replaced.append(name)
            monkeypatch.setattr(_folder, "read_json", read_json)
            other.save(tmp_path / "m", overwrite=True)
            monkeypatch.setattr(_folder, "read_json", replace_after_config)
        return found

    monkeypatch.setattr(_folder, "read_json", replace_after_config)
    loaded = spacrd.SpaCRD.load(tmp_path / "m")
    assert replaced and loaded.history == other.history


def test_a_folder_that_is_replaced_without_end_is_said_to_be(model, tmp_path, monkeypatch):
    model.save(tmp_path / "m")
    read_json = _folder.read_json

    def lose_the_weights(folder: Path, name: str):
        found = read_json(folder, name)
        if name == "config.json":
            shutil.copytree(folder, tmp_path / "copy")
            shutil.rmtree(folder)
            (tmp_path / "copy").rename(folder)
            return {**found, "seed": 1}
        return found

    monkeypatch.setattr(_folder, "read_json", lose_the_weights)
    monkeypatch.setattr(_folder.time, "sleep", lambda seconds: None)
    with pytest.raises(OSError, match="replaced again and again by another process"):
        spacrd.SpaCRD.load(tmp_path / "m")


def test_damage_is_still_called_damage(model, tmp_path):
    model.save(tmp_path / "m")
    with (tmp_path / "m" / "model.safetensors").open("r+b") as stream:
        stream.truncate(500)
    with pytest.raises(ValueError, match="damaged or cut short"):
        spacrd.SpaCRD.load(tmp_path / "m")


def save_again_and_again(folder: Path, stop) -> None:
    models = [random_model(), random_model()]
    models[1].history.append({"stage": "fusion", "epoch": 1, "total": 0.5})
    turn = 0
    while not stop.is_set():
        models[turn % 2].save(folder, overwrite=True)
        turn += 1


def test_loading_beside_a_process_that_saves_never_says_damaged(model, tmp_path):
    model.save(tmp_path / "m")
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=save_again_and_again, args=(tmp_path / "m", stop))
    writer.start()
    first = (tmp_path / "m").stat().st_ino
    try:
        for _ in range(3000):  # until it has begun
            if not (tmp_path / "m").exists() or (tmp_path / "m").stat().st_ino != first:
                break
            writer.join(0.02)
        for _ in range(30):
            spacrd.SpaCRD.load(tmp_path / "m")
    finally:
        stop.set()
        writer.join(60)
    assert writer.exitcode == 0


@pytest.mark.parametrize("path", ["m\0", "x" * 300, "a/" * 3000, "~nobody-of-this-name/m"], ids=range(4))
def test_paths_that_no_file_can_have_are_refused(model, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    for call in (model.save, spacrd.SpaCRD.load):
        with pytest.raises(ValueError, match="path="):
            call(path)
    assert not list(tmp_path.iterdir())


def test_a_name_of_the_greatest_length_can_be_saved(model, tmp_path):
    folder = tmp_path / ("m" * 255)
    for _ in range(2):
        model.save(folder, overwrite=True)
    assert spacrd.SpaCRD.load(folder).id == model.id
