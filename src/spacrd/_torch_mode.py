"""Run torch in a mode of our own, whatever the caller or another package set globally."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

DEVICES = ("cpu", "cuda", "mps", "xpu")
"""Types of devices that may be under autocast."""
FULL = ("none", "ieee")
"""Names of torch for float32 products in full precision."""


@contextmanager
def plain_torch() -> Iterator[None]:
    """Build and run modules as in a fresh process; restore the caller's state afterwards.

    In the block tensors are made as float32 on the CPU and record gradients, autocast is off, and products are computed
    in full precision. Deterministic algorithms stay on if they are, but only warn where there are none. It serves as a
    decorator, too.
    """
    import torch

    dtype = torch.get_default_dtype()
    deterministic, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        if torch.empty(0).device.type != "cpu":  # a device mode slows every call of torch
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in filter(_under_autocast, DEVICES):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if deterministic:
            stack.callback(torch.use_deterministic_algorithms, True, warn_only=warn_only)
            torch.use_deterministic_algorithms(True, warn_only=True)
        stack.enter_context(_full_precision())
        yield


def _under_autocast(kind: str) -> bool:
    import torch

    try:
        return torch.is_autocast_enabled(kind)
    except RuntimeError:  # this torch has no autocast for such devices
        return False


@contextmanager
def _full_precision() -> Iterator[None]:
    """Compute products of float32 in full precision."""
    import torch

    whole: Any = torch.backends
    parts: list[Any] = []
    with ExitStack() as stack:
        if hasattr(whole, "fp32_precision"):  # from torch 2.9
            parts = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv]
            if (general := whole.fp32_precision) not in FULL:
                # First, as parts that are not set show the general value.
                stack.callback(setattr, whole, "fp32_precision", general)
                whole.fp32_precision = "none"
        own = [part.fp32_precision for part in parts]
        try:
            earlier = torch.get_float32_matmul_precision()
        except RuntimeError:  # torch raises where its newer names alone were set
            earlier = "highest"
        for part, precision in zip(parts, own, strict=True):
            if precision not in FULL:
                stack.callback(setattr, part, "fp32_precision", precision)
                part.fp32_precision = "ieee"
        if earlier != "highest":
            stack.callback(torch.set_float32_matmul_precision, earlier)
            torch.set_float32_matmul_precision("highest")
        yield
