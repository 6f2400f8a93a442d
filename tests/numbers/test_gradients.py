"""Losses and gradients of random configurations are finite, and so is the network after some steps.

Sixty are tried by default, a thousand with ``SPACRD_LONG=1``.
"""

from __future__ import annotations

import os

import pytest
import torch

from .configurations import configuration

NUMBER = 1000 if os.environ.get("SPACRD_LONG") == "1" else 60
AT_ONCE = 20
STEPS = 3


def trained(seed: int) -> int:
    """Train for some steps; the number of parameters that had a gradient."""
    made = configuration(seed)
    optimizer = torch.optim.AdamW(made.stage.parameters(), lr=made.stage.recipe.lr)
    moved = 0
    for step in range(STEPS):
        loss = made.stage.training_step(made.batch, 0)
        assert loss.isfinite(), f"step {step}: loss {loss}; {made.text}"
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in made.stage.named_parameters():
            if parameter.grad is not None:
                moved += 1
                assert parameter.grad.isfinite().all(), f"step {step}: gradient of {name}; {made.text}"
        optimizer.step()
    with torch.inference_mode():
        output = made.stage.network.eval()(made.batch.tokens)
    for name in ("logit", "votes", "mean", "logvar"):
        assert getattr(output, name).isfinite().all(), f"{name} after training; {made.text}"
    return moved


@pytest.mark.parametrize("first", range(0, NUMBER, AT_ONCE))
def test_gradients_are_finite(first):
    assert all(trained(seed) for seed in range(first, first + AT_ONCE))
