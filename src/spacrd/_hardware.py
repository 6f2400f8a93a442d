"""Devices and precision of networks, and what to do when a device runs out of memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._checks import check_choice, check_positive_int, warn
from ._settings import settings

FULL_PRECISION = "32-true"
PRECISIONS = {FULL_PRECISION: "float32", "bf16-mixed": "bfloat16"}
"""Precisions of the network by Lightning's names, and the type of torch that autocast computes in."""


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


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a device ran out of memory: torch has an exception for CUDA and words for the others."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and ("out of memory" in str(error) or "not enough memory" in str(error))


def fits(work: Callable[[], Any], size: int) -> bool:
    """Do the work on ``size`` rows; return False if the device ran out of memory and fewer can be tried."""
    try:
        work()
    except Exception as error:
        if not is_out_of_memory(error) or size < 2:
            raise
        return False
    return True


def halved(size: int, who: str, then: str, *, unit: str = "spots") -> int:
    """Return half of ``size``, with a warning, after memory ran out; what torch keeps of the device's is freed.

    Parameters
    ----------
    size
        Rows of the work that did not fit.
    who
        Device, or encoder, that ran out of memory, for the warning.
    then
        What happens next, for the warning.
    unit
        What the rows are.
    """
    if (torch := sys.modules.get("torch")) is not None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        elif torch.backends.mps.is_available():
            torch.mps.empty_cache()
    warn(
        f"{who} ran out of memory with {size} {unit} at a time; {then} with {size // 2}. "
        f"Pass batch_size={size // 2} to avoid the attempt."
    )
    return size // 2
