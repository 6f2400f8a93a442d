"""Training with Lightning: the only package that imports it."""

from .._torchvision import import_torchvision

import_torchvision()  # before Lightning, whose metrics import it

from ._run import train_network  # noqa: E402

__all__ = ["train_network"]
