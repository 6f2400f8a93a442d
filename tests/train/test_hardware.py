"""Precision, and devices that are too small for a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spacrd._hardware import Hardware
from spacrd.nn import SpaCRDNetwork
from tests.making.recipes import RECIPES_OF_NETWORKS
from tests.making.training import train, votes

BF16 = Hardware(precision="bf16-mixed")


@pytest.mark.parametrize("name", RECIPES_OF_NETWORKS)
def test_bfloat16_scores_like_float32(name):
    network, _ = train(name, alignment_epochs=1, lr=1e-3)
    wanted, found = votes(network), votes(network, precision="bf16-mixed")
    assert not np.array_equal(wanted, found)
    np.testing.assert_allclose(found, wanted, atol=0.02 * max(1.0, np.ptp(wanted)))
    # Nothing is rounded to the few values that bfloat16 has; two of many may meet by chance.
    assert len(np.unique(found[:, 0])) > 0.9 * len(found)


@pytest.mark.parametrize("name", RECIPES_OF_NETWORKS)
def test_bfloat16_trains(name):
    plain, history = train(name, alignment_epochs=1, lr=1e-3)
    mixed, mixed_history = train(name, alignment_epochs=1, lr=1e-3, hardware=BF16)
    assert all(weight.dtype == torch.float32 for weight in mixed.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(plain.parameters(), mixed.parameters(), strict=True))
    for one, two in zip(history, mixed_history, strict=True):
        for loss in set(one) - {"stage", "epoch"}:
            assert two[loss] == pytest.approx(one[loss], rel=0.05, abs=0.02), loss


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision='fp8' is not known"):
        Hardware.resolve("cpu", "fp8")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no room"), RuntimeError("MPS backend out of memory (allocated: 9 GB)")]
)
def test_training_starts_again_with_half_the_batch(monkeypatch, error):
    wanted, history = train(batch_size=16)
    forward, seen = SpaCRDNetwork.forward, []

    def small_device(self, batch):
        seen.append(len(batch.index))
        if len(batch.index) > 20:
            raise error
        return forward(self, batch)

    monkeypatch.setattr(SpaCRDNetwork, "forward", small_device)
    with pytest.warns(UserWarning, match=r"out of memory with (64|32) spots .* training starts again") as warned:
        found, found_history = train(batch_size=64)
    assert len([w for w in warned if "out of memory" in str(w.message)]) == 2
    assert max(seen) == 64 and seen.count(64) == 1
    assert found_history == history
    for one, two in zip(wanted.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:cpu ran out of memory")
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no room at all"), RuntimeError("something else")])
def test_an_error_that_halving_cannot_help_is_raised(monkeypatch, error):
    def broken(self, batch):
        raise error

    monkeypatch.setattr(SpaCRDNetwork, "forward", broken)
    with pytest.raises(type(error), match=str(error)):
        train(batch_size=32)
