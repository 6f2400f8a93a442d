"""Training arrays to batches of neighbourhoods."""

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
    """Number of this process among those that train one network, and how many they are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


@dataclass(frozen=True)
class Batch:
    """Neighbourhoods and labels of some centre spots.

    Attributes
    ----------
    tokens, target
        Of this process's part of the batch.
    size
        Spots of the whole batch, over all processes.
    """

    tokens: Tokens
    target: torch.Tensor
    size: int


class SpotDataset(Dataset[Batch]):
    """Batches by a list of centre spots, of which each of several processes takes its part."""

    def __init__(self, arrays: NetworkInputs, *, neighbours: bool) -> None:
        self.arrays, self.neighbours = arrays, neighbours

    def __getitem__(self, centres: list[int]) -> Batch:
        rank, world = process()
        rows = np.asarray(centres, dtype=np.int64)[rank::world]
        arrays = self.arrays
        index, mask = (arrays.neighbours[rows], arrays.mask[rows]) if self.neighbours else (rows[:, None], None)
        tokens = make_tokens(arrays.features, index, mask)
        return Batch(tokens, torch.from_numpy(arrays.target[rows]), len(centres))


class ShuffledBatches(Sampler[list[int]]):
    """Shuffled batches of ``rows``.

    BatchNorm needs two spots in every process: smaller batches grow to that, and a last one that has fewer joins the
    one before.
    """

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.generator = rows, batch_size, np.random.default_rng(seed)

    @property
    def edges(self) -> list[int]:
        """Where batches start and end."""
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


def make_loader(arrays: NetworkInputs, rows: np.ndarray, *, batch_size: int, seed: int, neighbours: bool) -> DataLoader:
    """Loader over shuffled batches of ``rows``."""
    batches = ShuffledBatches(rows, batch_size, seed)
    return DataLoader(SpotDataset(arrays, neighbours=neighbours), sampler=batches, batch_size=None)
