from __future__ import annotations

import dataclasses
import types

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from safetensors.torch import save_file

from spacrd import encoders
from spacrd.encoders import EncoderSpec, _timm

SMALL = "test_vit"
"""The smallest vision transformer of timm, 160 px."""


def patches(size, n=3):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(1)
    return _timm.import_timm().create_model(SMALL, pretrained=False).state_dict()


def test_untrained_models_are_reproducible():
    one, two = (encoders.load(SMALL, weights=False, device="cpu") for _ in range(2))
    p = patches(one.spec.size)
    values = one.encode(p)
    assert values.shape == (3, one.spec.dim) and values.dtype == np.float32
    assert np.array_equal(values, two.encode(p))
    assert one.weights == "untrained" and one.weights_sha256 == ""
    assert np.allclose(values[:1], one.encode(p[:1]), atol=1e-5)


def test_features_may_be_widened_after_pooling():
    encoder = encoders.load("mobilenetv3_small_050", weights=False, device="cpu")
    assert encoder.encode(patches(encoder.spec.size)).shape == (3, encoder.spec.dim) == (3, 1024)


def test_loading_an_untrained_model_leaves_the_random_state_alone():
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    encoders.load(SMALL, weights=False, device="cpu")
    assert torch.rand(1) == first


def test_normalisation_is_that_of_the_model():
    encoder = encoders.load(SMALL, weights=False, device="cpu")
    spec, p = encoder.spec, patches(encoder.spec.size, 1)
    model = encoder.encode.function.args[0]
    assert not model.training
    x = (torch.tensor(p).permute(0, 3, 1, 2) / 255 - torch.tensor(spec.mean)[:, None, None]) / torch.tensor(spec.std)[
        :, None, None
    ]
    with torch.no_grad():
        assert np.allclose(model(x).numpy(), encoder.encode(p), atol=1e-5)


@pytest.mark.parametrize("ending", [".pth", ".bin", ".safetensors"])
@pytest.mark.parametrize("folder", [False, True])
def test_weights_come_from_a_file_or_folder(state, tmp_path, ending, folder):
    file = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        save_file(state, file)
    else:
        torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, file)
    encoder = encoders.load(SMALL, weights=tmp_path if folder else str(file), device="cpu")
    reference = _timm.import_timm().create_model(SMALL, pretrained=False, num_classes=0).eval()
    reference.load_state_dict({k: v for k, v in state.items() if not k.startswith("head.")})
    p = patches(encoder.spec.size)
    expected = _timm._encode(reference, encoder.spec, "cpu", "32-true", p)
    assert np.array_equal(encoder.encode(p), expected)
    assert encoder.weights == file.name and len(encoder.weights_sha256) == 64


def test_local_dir_reads_its_config(state, tmp_path):
    from timm.models import _hub

    model = _timm.import_timm().create_model(SMALL, pretrained=False)
    model.load_state_dict(state)
    model.pretrained_cfg = {**model.pretrained_cfg, "mean": (0.1, 0.2, 0.3)}
    _hub.save_for_hf(model, tmp_path)
    encoder = encoders.load(f"local-dir:{tmp_path}", device="cpu")
    assert encoder.spec.mean == (0.1, 0.2, 0.3)
    assert encoder.encode(patches(160)).shape == (3, encoder.spec.dim)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        encoders.load(f"local-dir:{tmp_path}", device="cpu")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_damaged_weights_are_named(state, tmp_path, ending, damage):
    file = tmp_path / f"weights{ending}"
    save_file(state, file) if ending == ".safetensors" else torch.save(state, file)
    content = file.read_bytes()
    file.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"not weights" * 50}[damage])
    with pytest.raises(ValueError, match=rf"weights\{ending}.*cannot be read"):
        encoders.load(SMALL, weights=file, device="cpu")


def test_pickled_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="cannot be read"):
        encoders.load(SMALL, weights=tmp_path / "evil.pth", device="cpu")
    assert not (tmp_path / "pwned").exists()


def test_weights_that_do_not_fit_are_refused(state, tmp_path):
    save_file({k: v for k, v in state.items() if "blocks.0" not in k}, tmp_path / "some.safetensors")
    with pytest.raises(ValueError, match=r"some\.safetensors.*do not fit"):
        encoders.load(SMALL, weights=tmp_path / "some.safetensors", device="cpu")
    torch.save({"epoch": 3}, tmp_path / "no.pth")
    with pytest.raises(ValueError, match="tensors of a model"):
        encoders.load(SMALL, weights=tmp_path / "no.pth", device="cpu")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        encoders.load(SMALL, weights=tmp_path / "nowhere", device="cpu")
    with pytest.raises(FileNotFoundError, match=r"no\.pth, some\.safetensors"):
        encoders.load(SMALL, weights=tmp_path, device="cpu")
    with pytest.raises(TypeError, match="weights"):
        encoders.load(SMALL, weights=True, device="cpu")


def _response(status):
    return types.SimpleNamespace(status_code=status, headers={}, request=None, text="", url="")


class ConnectError(Exception):
    """As the HTTP client of the hub raises it."""


ConnectError.__module__ = "httpx"


@pytest.fixture
def online(monkeypatch):
    """The hub as it would be with a network; what it answers is set by the test."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    calls = []

    def answer(error):
        def metadata(url, **_):
            calls.append(url)
            raise error

        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", metadata)
        return calls

    return answer


def test_gated_weights_say_what_to_do(online):
    calls = online(GatedRepoError("gated", response=_response(401)))
    with pytest.raises(PermissionError, match=r"https://huggingface.co/MahmoodLab/uni.*hf auth login.*weights="):
        encoders.load("uni", device="cpu")
    assert len(calls) == 1


def test_a_missing_network_is_noticed_at_once(online):
    calls = online(ConnectError("no route"))
    with pytest.raises(ConnectionError, match="cannot be reached"):
        encoders.load("resnet50", device="cpu")
    assert len(calls) == 1


def test_an_unknown_repository_is_no_network_error(online):
    online(RepositoryNotFoundError("nothing", response=_response(404)))
    with pytest.raises(ValueError, match="no model 'me/mine'"):
        encoders.load("hf-hub:me/mine", device="cpu")


@pytest.mark.parametrize("name", ["uni", "hf-hub:me/mine", "resnet18"])
def test_offline_mode_fails_at_once(name, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="weights="):
        encoders.load(name, device="cpu")


def test_hub_models_get_their_arguments(monkeypatch):
    asked = {}

    def create_model(name, **arguments):
        asked.update(name=name, **arguments)
        return _timm.import_timm().create_model(SMALL, pretrained=False, num_classes=0)

    fake = types.SimpleNamespace(create_model=create_model, get_pretrained_cfg=lambda *_, **__: None)
    monkeypatch.setattr(_timm, "check_access", lambda *_: None)
    _timm._from_hub(fake, encoders.get("uni"))
    assert asked == {
        "name": "hf-hub:MahmoodLab/uni",
        "pretrained": True,
        "pretrained_cfg_overlay": {"hf_hub_filename": ""},
        "init_values": 1e-5,
        "dynamic_img_size": True,
        "num_classes": 0,
    }


@pytest.mark.parametrize(
    ("name", "millions"), [("uni", 303.35), ("uni2-h", 681.39), ("virchow2", 631.24), ("h-optimus-0", 1134.77)]
)
def test_catalogued_architectures_have_the_published_size(name, millions):
    timm, spec = _timm.import_timm(), encoders.get(name)
    with torch.device("meta"):
        model = timm.create_model(spec.architecture, pretrained=False, **_timm._arguments(spec, architecture=True))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert _timm._complete(timm, spec, model).dim == spec.dim


def test_class_token_and_mean_patch_are_joined():
    arguments = {"global_pool": "", "reg_tokens": 2}
    spec = EncoderSpec("tokens", "timm", 128, 160, architecture=SMALL, architecture_kwargs=arguments)
    encoder = encoders.load(dataclasses.replace(spec, pooling="cls+mean"), weights=False, device="cpu")
    tokens = encoder.encode.function.args[0](torch.zeros(1, 3, 160, 160))
    zero = (np.array(spec.mean) * 255).reshape(1, 1, 1, 3)
    values = _timm._encode(
        encoder.encode.function.args[0], encoder.spec, "cpu", "32-true", np.broadcast_to(zero, (1, 160, 160, 3))
    )
    expected = torch.cat([tokens[:, 0], tokens[:, 3:].mean(1)], dim=-1)
    assert values.shape == (1, 128)
    assert np.allclose(values, expected.detach().numpy(), atol=1e-4)


def test_a_catalogue_entry_that_is_another_model_is_noticed():
    spec = EncoderSpec("wrong", "timm", 99, 160, architecture=SMALL)
    with pytest.raises(ValueError, match="64 values per patch, not 99"):
        encoders.load(spec, weights=False, device="cpu")
