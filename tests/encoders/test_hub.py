"""Encoders on the hub: which commit was loaded, whether it is what the hub has, and no token in any message."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from importlib import import_module
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import constants

from spacrd import encoders
from spacrd.encoders import _timm
from tests.making.hub import COMMIT, TOKEN, FakeHub, shown

NAME = "hf-hub:lab/tiny"


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(1)
    model = _timm.import_timm().create_model("test_vit", pretrained=False)
    import_module("timm.models").save_for_hf(model, folder, safe_serialization=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def shared(hub: FakeHub, repository: dict[str, bytes]) -> FakeHub:
    hub.files["lab/tiny"] = dict(repository)
    return hub


def test_commit_and_hash_of_what_was_loaded_are_known(shared, monkeypatch):
    encoder = encoders.load(NAME, device="cpu")
    assert encoder.spec.revision == COMMIT
    assert encoder.weights_sha256 == hashlib.sha256(shared.files["lab/tiny"]["model.safetensors"]).hexdigest()
    assert any(TOKEN in token for token in shared.tokens)
    patches = np.zeros((1, encoder.spec.size, encoder.spec.size, 3), np.uint8)
    shared.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in (NAME, f"{NAME}@{COMMIT}", encoder.spec):  # the last as workers of a cluster load it
        again = encoders.load(name, device="cpu")
        assert (again.spec.revision, again.weights_sha256) == (COMMIT, encoder.weights_sha256)
        np.testing.assert_array_equal(again.encode(patches), encoder.encode(patches))
    with pytest.raises(ConnectionError, match="cannot be reached"):
        encoders.load(dataclasses.replace(encoder.spec, revision="f" * 40), device="cpu")
    assert not shared.requests


def test_a_commit_makes_no_other_encoder_of_it():
    plain, pinned = encoders.get(NAME), encoders.get(f"{NAME}@{COMMIT}")
    assert (plain.revision, pinned.revision) == ("", COMMIT)
    assert repr(dataclasses.replace(pinned, revision="")) == repr(plain)  # by text: an unknown mpp is NaN
    assert encoders.get("local-dir:/my@home").model == "local-dir:/my@home"


def test_a_revision_that_there_is_not_is_said(shared):
    with pytest.raises(ValueError, match="shows no model 'lab/none'"):
        encoders.load("hf-hub:lab/none@v1", device="cpu")
    assert [request for request in shared.requests if "v1" in request]


def test_weights_of_the_cache_that_were_changed_are_refused(shared):
    encoders.load(NAME, device="cpu")
    file = Path(huggingface_hub.try_to_load_from_cache("lab/tiny", "model.safetensors")).resolve()
    raw = bytearray(file.read_bytes())
    raw[-2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ValueError, match="not the file that the hub has"):
        encoders.load(NAME, device="cpu")


def test_a_repository_cannot_name_a_file_to_unpickle(shared, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.bin")
    files = shared.files["lab/tiny"]
    files["evil.bin"] = files["pytorch_model.bin"] = (tmp_path / "evil.bin").read_bytes()
    config = json.loads(files["config.json"])
    config["pretrained_cfg"]["hf_hub_filename"] = "evil.bin"
    files["config.json"] = json.dumps(config).encode()
    encoders.load(NAME, device="cpu")
    assert not [request for request in shared.requests if "evil.bin" in request]
    del files["model.safetensors"]
    with pytest.raises(ValueError, match="cannot be loaded from 'lab/tiny'"):
        encoders.load(dataclasses.replace(encoders.get(NAME), revision="main"), device="cpu")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("status", "code", "kind", "message"),
    [
        (403, "GatedRepo", PermissionError, "gated. Accept the terms at https://huggingface.co/MahmoodLab/uni"),
        (401, "", PermissionError, "hf auth login"),
        (404, "RepoNotFound", ValueError, "shows no model"),
        (500, "", ValueError, "cannot be loaded"),
    ],
)
def test_refusals_say_what_to_do_and_never_the_token(hub, status, code, kind, message, capsys, caplog):
    caplog.set_level(logging.DEBUG, logger="spacrd")
    hub.status, hub.body = status, f"You sent Authorization: Bearer {TOKEN}, which is wrong"
    hub.headers = {"x-error-code": code, "x-error-message": f"token {TOKEN} is wrong"}
    with pytest.raises(kind, match=message) as caught:
        encoders.load("uni", device="cpu")
    assert TOKEN not in shown(caught.value, capsys.readouterr(), caplog.text)


def test_errors_of_the_client_that_hold_the_token_are_told_without_it(hub, shared, monkeypatch, capsys):
    hub.error = RuntimeError(f"headers {{'authorization': 'Bearer {TOKEN}'}}")
    with pytest.raises(ValueError, match="<token>") as caught:
        encoders.load(NAME, device="cpu")
    assert TOKEN not in shown(caught.value, capsys.readouterr())
    hub.error = None
    monkeypatch.setattr(_timm.import_timm(), "create_model", lambda *_, **__: 1 / 0 if TOKEN else None)
    with pytest.raises(ValueError, match="division by zero") as caught:
        encoders.load(NAME, device="cpu")
    assert caught.value.__context__ is None
