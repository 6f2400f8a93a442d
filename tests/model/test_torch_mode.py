"""What the caller or another package set in torch neither breaks nor changes a result, and is as it was afterwards."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch

import spacrd
from spacrd import encoders
from spacrd._torch_mode import plain_torch
from spacrd.explanation import explain_section
from spacrd.train import FitSettings, fit_sections
from tests.making.arrays import labelled_arrays
from tests.making.recipes import small_recipe


@contextmanager
def global_setting(get, put, value):
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


def default_dtype(dtype):
    return lambda: global_setting(torch.get_default_dtype, torch.set_default_dtype, dtype)


def set_default_device(device):
    torch.set_default_device(device)
    if device is None:  # torch 2.4 cannot read what it leaves behind
        vars(torch._GLOBAL_DEVICE_CONTEXT).pop("device_context", None)


def default_device(device):
    return lambda: global_setting(lambda: None, set_default_device, device)


def deterministic():
    return global_setting(torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True)


def matmul(precision):
    return lambda: global_setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, precision)


@contextmanager
def newer_precision():
    """Products in bfloat16 by the names that torch has from 2.9 on."""
    if not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("this torch has one name for the precision of products")
    parts = [torch.backends, torch.backends.cuda.matmul]
    before = [part.fp32_precision for part in parts]
    torch.backends.fp32_precision, torch.backends.cuda.matmul.fp32_precision = "bf16", "tf32"
    try:
        yield
    finally:
        for part, precision in zip(reversed(parts), reversed(before), strict=True):
            part.fp32_precision = precision


@contextmanager
def several():
    with ExitStack() as stack:
        for mode in (default_dtype(torch.float64), default_device("meta"), torch.inference_mode, deterministic):
            stack.enter_context(mode())
        yield


MODES = {
    "float64": default_dtype(torch.float64),
    "bfloat16": default_dtype(torch.bfloat16),
    "another default device": default_device("meta"),
    "a device's context": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic algorithms": deterministic,
    "less precise products": matmul("medium"),
    "less precise products by their newer name": newer_precision,
    "several at once": several,
}


def state():
    """All that the modes change."""
    made = torch.empty(0)
    backends = torch.backends
    parts = (
        [torch.get_float32_matmul_precision]
        if not hasattr(backends, "fp32_precision")
        else [
            lambda part=part: part.fp32_precision
            for part in (backends, backends.cuda.matmul, backends.mkldnn.matmul, backends.mkldnn.conv)
        ]
    )
    return {
        "dtype": made.dtype,
        "device": made.device,
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "products": [read() for read in parts],
        "random": torch.random.get_rng_state().numpy().tobytes(),
    }


def results(folder):
    """Fit, save, load, score and explain."""
    recipe = small_recipe(min_steps=0, fusion_epochs=2)
    fitted = fit_sections([labelled_arrays(seed) for seed in range(3)], FitSettings.resolve(recipe=recipe))
    fitted.save(folder)
    model = spacrd.SpaCRD.load(folder)
    section = labelled_arrays(5)
    prediction = model.predict(section)
    explanation = explain_section(model, section, np.ones((49, 1), bool), n_steps=4, batch_size=64)
    return {
        "id": np.array([fitted.id, model.id]),
        "likelihood": prediction.likelihood,
        "uncertainty": prediction.uncertainty,
        "latent": prediction.latent,
        "contributions": explanation.contributions,
        "genes": explanation.genes,
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return results(tmp_path_factory.mktemp("plain") / "model")


@pytest.mark.parametrize("mode", MODES)
def test_fit_load_score_and_explain_do_not_depend_on_what_is_set_in_torch(mode, plain, tmp_path):
    with MODES[mode]():
        before = state()
        changed = results(tmp_path / "model")
        after = state()
    assert after == before
    for name, values in plain.items():
        np.testing.assert_array_equal(changed[name], values, err_msg=name)


@pytest.mark.parametrize("mode", MODES)
def test_embeddings_do_not_depend_on_what_is_set_in_torch(mode):
    patches = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    plain = encoders.load("test_vit", weights=False, device="cpu").encode(patches)
    with MODES[mode]():
        before = state()
        changed = encoders.load("test_vit", weights=False, device="cpu").encode(patches)
        assert state() == before
    np.testing.assert_array_equal(changed, plain)


@plain_torch()
def broken():
    assert torch.ones(1).dtype == torch.float32 and torch.ones(1).device.type == "cpu"
    raise KeyError("stop")


def test_the_callers_state_comes_back_after_an_error():
    with several():
        before = state()
        with pytest.raises(KeyError, match="stop"):
            broken()
        assert state() == before
