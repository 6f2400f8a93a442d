"""Devices and precision of networks, and what to do when a device runs out of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._checks import check_choice, check_positive_int, warn
from ._settings import settings

PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True)
class Hardware:
    """Choose the devices and the precision of a fit.

    Attributes
    ----------
    device
        Name of the torch device.
    precision
        ``"32-true"``, or ``"bf16-mixed"`` for autocast to bfloat16.
    devices, strategy
        Number of processes on this machine, one per device, and the Lightning strategy that launches them.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.train.Hardware.resolve("cpu", "bf16-mixed").precision
    'bf16-mixed'
    """

    device: str = "cpu"
    precision: str = "32-true"
    devices: int = 1
    strategy: str = "auto"

    @classmethod
    def resolve(cls, device: str | None, precision: str, devices: int = 1, strategy: str = "auto") -> Hardware:
        """Check the arguments of a call.

        Raises
        ------
        TypeError
            If ``devices`` is not a number.
        ValueError
            If ``device`` or ``precision`` is not known, or ``device`` names one device and ``devices`` is more.
        """
        check_choice(precision, PRECISIONS, "precision")
        check_positive_int(devices, "devices")
        where = settings.resolve_device(device)
        if devices > 1 and ":" in where:
            raise ValueError(f"device={where!r} is one device, but devices={devices}. Pass device='cuda' for several.")
        return cls(where, precision, devices, strategy)


def fits(work: Callable[[], Any], size: int) -> bool:
    """Do the work on ``size`` rows; False if the device ran out of memory and fewer can be tried."""
    import torch

    try:
        work()
    except RuntimeError as error:
        # Apple's devices have no class of their own for it.
        full = isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)
        if not full or size < 2:
            raise
        return False
    return True


def halved(size: int, device: str, then: str) -> int:
    """Half of ``size``, with a warning, after the device ran out of memory; what torch keeps of it is freed."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device.startswith("mps"):
        torch.mps.empty_cache()
    text = f"{device} ran out of memory with {size} spots at a time; {then} with {size // 2}."
    warn(f"{text} Pass a smaller batch_size to avoid the attempt.")
    return size // 2
