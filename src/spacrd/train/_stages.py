"""The two training stages as Lightning modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model import Recipe, to_device
from ..nn import SpaCRDNetwork, Tokens, class_kl, info_nce, reconstruction, separation, vote_loss
from ._data import Batch, process
from ._lightning import pl


class Stage(pl.LightningModule):
    """Train a network in place: optimiser, device transfer and epoch means of the losses of both stages.

    It runs for ``epochs``, or more if the recipe sets a number of steps. If several processes train, each draws its own
    numbers for dropout and sampling from ``seed``.
    """

    name = "stage"

    def __init__(self, network: SpaCRDNetwork, recipe: Recipe, epochs: int, seed: int = 0) -> None:
        super().__init__()
        self.network, self.recipe, self.epochs, self.seed = network, recipe, epochs, seed
        self.history: list[dict[str, Any]] = []
        self._sums: dict[str, list[Tensor]] = {}

    def get_extra_state(self) -> dict[str, Any]:
        """Return the history, which a training process hands back with the weights."""
        return {"history": self.history}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Set the history."""
        self.history = state["history"]

    def on_fit_start(self) -> None:
        rank, world = process()
        if world > 1:
            torch.manual_seed(self.seed + 1_000_003 * rank)

    def on_train_end(self) -> None:
        # Each process has BatchNorm's statistics of its own shares of the batches.
        for buffer in self.network.buffers():
            if buffer.is_floating_point() and process()[1] > 1:
                buffer.copy_(self.trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        decay = [p for p in self.network.parameters() if p.ndim > 1]
        no_decay = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": recipe.weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=recipe.lr, fused=self.device.type in {"cpu", "cuda"})
        if recipe.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        if steps < 10:  # too few for a warm-up
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.lr, total_steps=steps, pct_start=0.2)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return to_device(batch, device)

    def hide(self, x: Tensor) -> Tensor:
        """Set features to zero in the whole batch, as in a section with another gene panel."""
        return F.dropout(torch.ones_like(x[:1]), self.recipe.input_dropout) * x if self.recipe.input_dropout else x

    def augment(self, tokens: Tokens) -> Tokens:
        """Set features of a batch to zero."""
        return replace(tokens, inputs={name: self.hide(x) for name, x in tokens.inputs.items()})

    def gather(self, x: Tensor, size: int) -> Tensor:
        """Gather the rows of the batch from all processes, with their gradients."""
        _, world = process()
        if world == 1:
            return x
        most = -(-size // world)
        gathered = self.all_gather(F.pad(x, (0, 0, 0, most - len(x))), sync_grads=True)
        return gathered.transpose(0, 1).flatten(0, 1)[:size]

    def share(self, batch: Batch) -> float:
        """Return the weight of this process's mean loss in the mean over the batch."""
        return len(batch.target) * process()[1] / batch.size

    def record(self, **losses: Tensor) -> None:
        """Add losses to the means of the epoch."""
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(value.detach())

    def on_train_epoch_end(self) -> None:
        means = {
            name: float(self.trainer.strategy.reduce(torch.stack(values).mean(), reduce_op="mean"))
            for name, values in self._sums.items()
        }
        self.history.append({"stage": self.name, "epoch": self.current_epoch, **means})
        self._sums = {}
        self.log_dict(means, prog_bar=True, logger=False)


class AlignmentStage(Stage):
    """Align the two encoders by contrast, without labels (paper 2.1)."""

    name = "alignment"

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        tokens, recipe = batch.tokens, self.recipe
        pair = [self.network.encoders[name](self.hide(tokens.inputs[name])) for name in ("image", "expression")]
        pair = [self.gather(embedded, batch.size) for embedded in pair]
        loss = info_nce(*pair, temperature=recipe.temperature, alpha=recipe.alpha)
        self.record(contrastive=loss)
        return loss


class FusionStage(Stage):
    """Train attention, RVAE and classifier on neighbourhoods (paper 2.2-2.3)."""

    name = "fusion"
    class_weight = torch.ones(2)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        recipe, network = self.recipe, self.network
        output = network(self.augment(batch.tokens))
        loss = torch.zeros((), device=self.device)
        autoencoder = network.config.variational
        # Without an autoencoder, its epochs train the classifier too.
        classify = self.current_epoch >= recipe.vae_epochs or not autoencoder
        if classify:
            classification = vote_loss(output.votes, output.counted, batch.target, self.class_weight.to(batch.target))
            self.record(classification=classification)
            loss = loss + classification
        if autoencoder:
            rvae = network.rvae
            rebuilt = reconstruction(rvae.decode(output.mean, output.logvar), output.fused, detach=recipe.detach)
            kl = class_kl(output.mean, output.logvar, rvae.class_means[batch.target.long()])
            apart = separation(rvae.class_means, bound=recipe.separation_bound)
            vae = rebuilt + recipe.beta * kl + recipe.separation * apart
            self.record(reconstruction=rebuilt, kl=kl, separation=apart)
            loss = loss + (recipe.gamma if classify else 1.0) * vae
        self.record(total=loss)
        return loss * self.share(batch)
