from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest

from spacrd.nn._dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.2, 0.7])
def test_share_and_scale_are_those_of_dropout(p):
    torch.manual_seed(0)
    x = torch.rand(501, 333) + 1
    found = Dropout(p).train()(x)
    kept = found != 0
    torch.testing.assert_close(found[kept], (x / (1 - p))[kept])
    assert binomtest(int((~kept).sum()), x.numel(), p).pvalue > 1e-3
    # Neighbouring values, which share a word of random bits, are dropped independently.
    flat = kept.flatten()[:-1].view(-1, 2)
    assert binomtest(int((~flat).all(1).sum()), len(flat), p * p).pvalue > 1e-3


def test_gradient_passes_where_the_value_was_kept():
    torch.manual_seed(0)
    x = torch.rand(40, 7, requires_grad=True)
    found = Dropout(0.5).train()(x)
    found.sum().backward()
    torch.testing.assert_close(x.grad, (found != 0) * 2.0)


def test_nothing_is_dropped_in_eval_mode_or_without_probability():
    x = torch.rand(9, 3)
    assert Dropout(0.5).eval()(x) is x or torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)
