"""Package-wide settings: device, progress bars, verbosity and seed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._checks import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger("spacrd")


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() not in {"0", "false", "no", "off", ""}


@dataclass
class Settings:
    """Defaults every call falls back to.

    Attributes
    ----------
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` or ``"auto"`` (CUDA, then MPS, then CPU).
        Read from ``SPACRD_DEVICE`` at import.
    progress
        Whether long work shows a progress bar. Read from ``SPACRD_PROGRESS`` at import.
    verbosity
        Level of the ``spacrd`` logger: ``"warning"``, ``"info"`` or ``"debug"``. Read from ``SPACRD_VERBOSITY``.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.settings.progress = False
    """

    device: str = field(default_factory=lambda: os.environ.get("SPACRD_DEVICE", "auto"))
    progress: bool = field(default_factory=lambda: _flag("SPACRD_PROGRESS", True))
    _verbosity: str = field(default_factory=lambda: os.environ.get("SPACRD_VERBOSITY", "warning"), repr=False)

    def __post_init__(self) -> None:
        self.verbosity = self._verbosity

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "progress" and not isinstance(value, bool):
            raise TypeError(f"progress must be True or False, got {value!r}.")
        super().__setattr__(name, value)

    @property
    def verbosity(self) -> str:
        """Level of the ``spacrd`` logger."""
        return self._verbosity

    @verbosity.setter
    def verbosity(self, level: str) -> None:
        number = logging.getLevelName(str(level).upper())
        if not isinstance(number, int):
            raise ValueError(f"verbosity={level!r} is not known. Choose 'warning', 'info' or 'debug'.")
        logger.setLevel(number)
        self._verbosity = str(level).lower()

    def resolve_device(self, device: str | None = None) -> str:
        """Name of the torch device to use: the argument, else the setting, else the best there is."""
        import torch

        name = str(device or self.device)
        if name == "auto":
            if torch.cuda.is_available():
                return "cuda"
            return "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            kind = torch.device(name).type
        except RuntimeError as error:
            raise ValueError(f"device={name!r} is not a torch device: use 'cpu', 'cuda', 'mps' or 'auto'.") from error
        if kind == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device={name!r} was asked for, but torch finds no CUDA device. Use device='cpu'.")
        if kind == "mps" and not torch.backends.mps.is_available():
            raise ValueError(f"device={name!r} was asked for, but torch finds no MPS device. Use device='cpu'.")
        return name

    def track(self, items: Iterable[Any], *, total: int, description: str, unit: str = "it") -> Iterator[Any]:
        """Iterate with a progress bar if :attr:`progress` is on."""
        from tqdm.auto import tqdm

        return iter(tqdm(items, total=total, desc=printable(description), unit=unit, disable=not self.progress))


settings = Settings()
