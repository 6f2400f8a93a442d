"""Make training batches of neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..features import NetworkInputs
from ..model import make_tokens
from ..nn import Tokens


def process() -> tuple[int, int]:
    """Return the rank of this process among those that train one network, and their number."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


@dataclass(frozen=True)
class Batch:
    """Hold neighbourhoods and labels of some centre spots.

    Attributes
    ----------
    tokens, target
        Neighbourhoods and labels of this process's share of the batch.
    size
        Number of spots in the batch, over all processes.
    """

    tokens: Tokens
    target: torch.Tensor
    size: int


class SpotDataset(Dataset[Batch]):
    """Make batches from lists of centre spots; each of several processes takes its share of a list."""

    def __init__(self, inputs: NetworkInputs, *, neighbours: bool) -> None:
        self.inputs, self.neighbours = inputs, neighbours

    def __getitem__(self, centres: list[int]) -> Batch:
        rank, world = process()
        rows = np.asarray(centres, dtype=np.int64)[rank::world]
        inputs = self.inputs
        index, mask = (inputs.neighbours[rows], inputs.mask[rows]) if self.neighbours else (rows[:, None], None)
        tokens = make_tokens(inputs.features, index, mask)
        return Batch(tokens, torch.from_numpy(inputs.target[rows]), len(centres))


class ShuffledBatches(Sampler[list[int]]):
    """Draw shuffled batches of ``rows``.

    BatchNorm needs two spots in every process: smaller batches are enlarged, and a smaller last one is joined to the
    one before.
    """

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.generator = rows, batch_size, np.random.default_rng(seed)

    @property
    def edges(self) -> list[int]:
        """Return the positions where batches start and end."""
        least = 2 * process()[1]
        edges = list(range(0, len(self.rows), max(self.batch_size, least))) + [len(self.rows)]
        if len(edges) > 2 and edges[-1] - edges[-2] < least:
            del edges[-2]
        return edges

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[list[int]]:
        order = self.generator.permutation(self.rows)
        for start, stop in pairwise(self.edges):
            yield order[start:stop].tolist()


def make_loader(inputs: NetworkInputs, rows: np.ndarray, *, batch_size: int, seed: int, neighbours: bool) -> DataLoader:
    """Make a loader of shuffled batches of ``rows``."""
    batches = ShuffledBatches(rows, batch_size, seed)
    return DataLoader(SpotDataset(inputs, neighbours=neighbours), sampler=batches, batch_size=None)
