"""Import Lightning, the only place that does: its metrics import torchvision, which needs care."""

from .._torchvision import import_torchvision

import_torchvision()

import lightning.pytorch as pl  # noqa: E402
from lightning.pytorch.callbacks import ProgressBar  # noqa: E402

__all__ = ["ProgressBar", "pl"]
