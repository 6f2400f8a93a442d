"""Progress bar of a training stage."""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm

from ._lightning import ProgressBar


class EpochBar(ProgressBar):
    """Show progress over epochs, with the latest losses."""

    def __init__(self, description: str) -> None:
        super().__init__()
        self.description = description
        self._bar: Any = None
        self._disabled = False

    def disable(self) -> None:
        """Hide the bar; Lightning calls this in all processes but the first."""
        self._disabled = True

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        super().on_train_start(trainer, pl_module)
        self._bar = tqdm(total=trainer.max_epochs, desc=self.description, unit="epoch", disable=self._disabled)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        losses = {k: v for k, v in pl_module.history[-1].items() if isinstance(v, float)} if pl_module.history else {}
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)
        self._bar.update()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._bar.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self._bar is not None:
            self._bar.close()
