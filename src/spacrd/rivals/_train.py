"""Train and evaluate the small torch networks of the rivals. Import it inside a fit: it loads torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ._interface import MissingInputError

EVALUATION_ROWS = 4096
"""Rows that a network evaluates at a time."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch on the CPU inside a block and restore its random state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def tensor(rows: np.ndarray) -> torch.Tensor:
    """Copy an array into a float32 tensor."""
    return torch.tensor(np.asarray(rows), dtype=torch.float32)


def shuffled_batches(n: int, size: int) -> list[torch.Tensor]:
    """Split the positions 0 to n - 1 into shuffled batches.

    A last batch of one row joins the batch before, because BatchNorm cannot train on one row.
    """
    batches = list(torch.randperm(n).split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def check_rows(n: int) -> None:
    """Refuse to train on fewer than two rows, which BatchNorm cannot."""
    if n < 2:
        raise MissingInputError(f"{n} spots are too few to train on: the rival needs two at least.")


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    epochs, batch_size
        Passes over the rows, and rows in a batch.
    keep_best
        Restore the weights of the epoch with the least mean training loss; else keep the last weights.
    """

    epochs: int
    batch_size: int
    keep_best: bool = False

    def minimise(
        self,
        network: nn.Module,
        loss: Callable[[torch.Tensor], torch.Tensor],
        n: int,
        optimizers: Sequence[Optimizer],
        schedulers: Sequence[LRScheduler] = (),
    ) -> list[float]:
        """Train a network in place and leave it in evaluation mode.

        Parameters
        ----------
        network
            Network that holds all weights.
        loss
            Returns the mean loss of a batch, given the positions of its rows.
        n
            Number of training rows.
        optimizers, schedulers
            All optimizers make a step after each batch; all schedulers make one after each epoch.

        Returns
        -------
        The mean loss of each epoch.

        Raises
        ------
        MissingInputError
            If there are fewer than two rows.
        """
        check_rows(n)
        history: list[float] = []
        best: dict[str, torch.Tensor] = {}
        network.train()
        for _ in range(self.epochs):
            total = 0.0
            for rows in shuffled_batches(n, self.batch_size):
                value = loss(rows)
                for optimizer in optimizers:
                    optimizer.zero_grad()
                value.backward()
                for optimizer in optimizers:
                    optimizer.step()
                total += float(value.detach()) * len(rows)
            for scheduler in schedulers:
                scheduler.step()
            history.append(total / n)
            if self.keep_best and history[-1] <= min(history):
                best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        if best:
            network.load_state_dict(best)
        network.eval()
        return history


def evaluate(function: Callable[..., torch.Tensor], *inputs: np.ndarray) -> np.ndarray:
    """Apply a function to blocks of rows without gradients.

    Parameters
    ----------
    function
        Maps one tensor per input to a tensor with a row for each of their rows. Its network is in evaluation mode.
    inputs
        Arrays with the same number of rows.

    Returns
    -------
    The results of all rows in their order, float64.
    """
    results = []
    with torch.inference_mode():
        for start in range(0, len(inputs[0]), EVALUATION_ROWS):
            block = [tensor(rows[start : start + EVALUATION_ROWS]) for rows in inputs]
            results.append(function(*block).numpy().astype(np.float64))
    return np.concatenate(results)


def initialise(network: nn.Module, weight: Callable[[torch.Tensor], object]) -> nn.Module:
    """Draw the weights of all linear layers of a network anew, set their biases to 0, and return the network."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            weight(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
