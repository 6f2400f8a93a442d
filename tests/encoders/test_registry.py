from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from spacrd import encoders
from spacrd.encoders import _handcrafted, _registry


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(_registry, "_registered", {})


def patches(n=6, size=_handcrafted.SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_encoders_are_listed_in_a_table():
    table = encoders.available()
    assert {"handcrafted", "uni", "uni2-h", "virchow2", "resnet50"} <= set(table.index)
    assert table.loc["uni", ["dim", "size", "gated"]].tolist() == [1024, 224, True]
    encoders.register("mine", lambda p: p.mean((1, 2)), dim=3, size=16)
    assert encoders.available().loc["mine", "kind"] == "callable"


def test_uni_has_its_exact_arguments():
    spec = encoders.get("uni")
    assert spec.model == "hf-hub:MahmoodLab/uni"
    assert dict(spec.model_kwargs) == {"init_values": 1e-5, "dynamic_img_size": True, "num_classes": 0}
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_unknown_names_are_listed():
    with pytest.raises(KeyError, match=r"no encoder 'unii'.*'handcrafted'"):
        encoders.get("unii")
    with pytest.raises(TypeError, match="int"):
        encoders.get(3)


def test_register_refuses_what_cannot_work():
    def mean(p):
        return p.mean((1, 2))

    with pytest.raises(ValueError, match="already"):
        encoders.register("uni", mean, dim=3, size=16)
    encoders.register("mine", mean, dim=3, size=16)
    with pytest.raises(ValueError, match="already"):
        encoders.register("mine", mean, dim=3, size=16)
    assert encoders.register("mine", mean, dim=3, size=32, overwrite=True).size == 32
    with pytest.raises(TypeError, match="callable"):
        encoders.register("other", 5, dim=3, size=16)
    with pytest.raises(ValueError, match="dim"):
        encoders.register("other", mean, dim=0, size=16)
    with pytest.raises(ValueError, match="stands for"):
        encoders.register("hf-hub:me/mine", mean, dim=3, size=16)


def test_answers_of_a_function_are_checked():
    encoders.register("mine", lambda p: p.mean((1, 2)), dim=4, size=16)
    with pytest.raises(ValueError, match=r"\(6, 3\).*dim=4"):
        encoders.load("mine").encode(patches(size=16))
    encoders.register("torch", lambda p: __import__("torch").ones(len(p), 2), dim=2, size=16)
    values = encoders.load("torch").encode(patches(size=16))
    assert values.dtype == np.float32 and values.shape == (6, 2)
    with pytest.raises(ValueError, match="no weights"):
        encoders.load("mine", weights="x.pth")


def test_handcrafted_shape_determinism_and_batches():
    encode = encoders.load("handcrafted").encode
    p = patches(9)
    whole = encode(p)
    assert whole.dtype == np.float32
    assert whole.shape == (9, len(_handcrafted.NAMES)) == (9, encoders.get("handcrafted").dim)
    assert np.isfinite(whole).all()
    assert np.array_equal(whole, encode(p))
    assert np.array_equal(whole, np.concatenate([encode(p[:1]), encode(p[1:4]), encode(p[4:])]))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_handcrafted_is_finite_on_flat_patches(value):
    assert np.isfinite(_handcrafted.encode(np.full((2, 112, 112, 3), value, np.uint8))).all()


def test_handcrafted_tells_tissue_apart():
    flat = np.full((3, 112, 112, 3), 250, np.uint8)
    flat[1] = (225, 150, 190)
    flat[2] = (225, 150, 190)
    y, x = np.mgrid[0:112, 0:112]
    flat[2][((y % 14 - 7) ** 2 + (x % 14 - 7) ** 2) < 16] = (90, 50, 130)
    features = dict(zip(_handcrafted.NAMES, _handcrafted.encode(flat).T, strict=True))
    assert features["white"].tolist() == [1, 0, 0]
    assert features["nuclei"][2] == pytest.approx(49 / 196, rel=0.1)
    assert features["nuclei"][:2].max() == 0
    assert features["nuclear_peaks"][2] > 0
    assert features["hematoxylin_gradient_mean_1"][2] > 0.01


def test_handcrafted_is_nearly_the_same_for_turned_patches():
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(size=(112, 112, 3))
    p = np.clip(150 + 400 * gaussian_filter(noise, (3, 3, 0)), 0, 255).astype(np.uint8)[None]
    a, b = _handcrafted.encode(p)[0], _handcrafted.encode(np.rot90(p, axes=(1, 2)).copy())[0]
    assert np.abs(a - b).max() < 0.05


def test_names_and_features_import_no_torch():
    code = (
        "import sys, numpy as np\nfrom spacrd import encoders\n"
        "encoders.load('handcrafted').encode(np.zeros((1, 112, 112, 3), np.uint8))\nencoders.available()\n"
        "assert not {'torch', 'timm', 'spatialdata'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
