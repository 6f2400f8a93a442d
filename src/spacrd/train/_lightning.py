"""Import Lightning, only here: its metrics import torchvision, which may not match torch."""

from .._torchvision import import_torchvision

import_torchvision()

import lightning.pytorch as pl  # noqa: E402
from lightning.pytorch.callbacks import ProgressBar  # noqa: E402

__all__ = ["ProgressBar", "pl"]
