"""What each of two processes runs in ``test_two_processes.py``: ``python two_processes.py FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

from spacrd._hardware import Hardware
from tests.making.training import train

WHOLE = {"dropout": 0.0, "attention_dropout": 0.0}
PLANS = {"whole": {"network": WHOLE, "alignment_epochs": 3, "fusion_epochs": 15, "lr": 3e-3}}
"""Plans of training by their names."""


def counter() -> Any:
    """Lightning callback that counts the spots and the optimiser steps of this process."""
    from lightning.pytorch import Callback  # after spacrd, which mends torchvision's import

    class Seen(Callback):
        spots = steps = 0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            self.spots += len(batch.target)
            self.steps += 1

    return Seen()


def run(hardware: Hardware) -> dict[str, dict[str, object]]:
    """Weights, history and what was seen, of every plan."""
    torch.set_num_threads(1)
    found = {}
    for name, plan in PLANS.items():
        seen = counter()
        # 150 spots, so that the last batch has an odd number of them.
        network, history = train("published", hardware=hardware, callbacks=[seen], batch_size=33, **plan)
        found[name] = {"state": network.state_dict(), "history": history, "spots": seen.spots, "steps": seen.steps}
    return found


if __name__ == "__main__":
    torch.save(run(Hardware(devices=2)), Path(sys.argv[1]) / f"{os.environ['LOCAL_RANK']}.pt")
