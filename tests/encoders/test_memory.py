from __future__ import annotations

import numpy as np
import pytest
import torch

from spacrd import encoders
from spacrd._hardware import is_out_of_memory
from spacrd.encoders import _registry


@pytest.fixture
def seen(monkeypatch):
    """Batch sizes that an encoder with room for ten patches was given."""
    monkeypatch.setattr(_registry, "_registered", {})
    sizes: list[int] = []

    def encode(patches):
        sizes.append(len(patches))
        if len(patches) > 10:
            raise torch.OutOfMemoryError("no more")
        return patches.mean((1, 2))

    encoders.register("small", encode, dim=3, size=4)
    return sizes


def test_out_of_memory_halves_the_batch_and_remembers_it(seen):
    patches = np.random.default_rng(0).integers(0, 256, (64, 4, 4, 3), dtype=np.uint8)
    encoder = encoders.load("small")
    with pytest.warns(UserWarning, match="ran out of memory") as caught:
        values = encoder.encode(patches)
    assert np.array_equal(values, patches.mean((1, 2)).astype(np.float32))
    assert [str(warning.message).split(" patches")[0].split()[-1] for warning in caught] == ["64", "32", "16"]
    assert "batch_size=8" in str(caught[-1].message)
    assert seen == [64, 32, 16] + [8] * 8
    seen.clear()
    encoder.encode(patches[:20])
    assert seen == [8, 8, 4]


def test_what_no_batch_can_help_is_raised(monkeypatch):
    monkeypatch.setattr(_registry, "_registered", {})

    def encode(patches):
        raise torch.OutOfMemoryError("not even one")

    encoders.register("none", encode, dim=3, size=4)
    with pytest.warns(UserWarning, match="goes on with 1"), pytest.raises(torch.OutOfMemoryError, match="not even one"):
        encoders.load("none").encode(np.zeros((2, 4, 4, 3), np.uint8))


def test_other_errors_are_not_taken_for_a_full_memory():
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_half_precision_changes_little_and_unknown_ones_are_refused():
    patches = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    full, half = (
        encoders.load("test_vit", weights=False, device="cpu", precision=precision)
        for precision in ("32-true", "bf16-mixed")
    )
    difference = np.abs(full.encode(patches) - half.encode(patches)).max()
    assert 0 < difference < 0.05 * np.abs(full.encode(patches)).max()
    assert half.precision == "bf16-mixed" and half.encode(patches).dtype == np.float32
    with pytest.raises(ValueError, match="precision='half'.*'bf16-mixed'"):
        encoders.load("test_vit", weights=False, precision="half")
    with pytest.raises(ValueError, match="leave `precision` out"):
        encoders.load("handcrafted", precision="bf16-mixed")
