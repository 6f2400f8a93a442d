"""The model that a command reads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model import SpaCRD

HUB = "hf-hub:"


def add_model(parser: argparse.ArgumentParser, *, required: bool, text: str) -> None:
    """Option that names the model."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", required=required, metavar="DIR", help=f"{text}, or {HUB}user/name")


def load_model(given: str) -> SpaCRD:
    """Read a model; only ``hf-hub:`` asks the network, so that a mistyped folder does not."""
    from ..model import SpaCRD

    if given.startswith(HUB):
        return SpaCRD.load(given.removeprefix(HUB))
    path = Path(given).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"There is no model folder {given!r}. Fit one with spacrd fit; one of the Hugging Face hub is written "
            f"{HUB}user/name."
        )
    return SpaCRD.load(path)
