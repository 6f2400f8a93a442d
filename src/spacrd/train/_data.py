"""Training arrays to batches of neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..model._infer import make_tokens
from ..model._prepare import SpotArrays
from ..nn import Tokens


@dataclass(frozen=True)
class Batch:
    """Neighbourhoods and labels of some centre spots."""

    tokens: Tokens
    target: torch.Tensor


class SpotDataset(Dataset[Batch]):
    """Batches by a list of centre spots."""

    def __init__(self, arrays: SpotArrays, *, neighbours: bool) -> None:
        self.arrays, self.neighbours = arrays, neighbours

    def __getitem__(self, centres: list[int]) -> Batch:
        rows = np.asarray(centres, dtype=np.int64)
        arrays = self.arrays
        index, mask = (arrays.neighbours[rows], arrays.mask[rows]) if self.neighbours else (rows[:, None], None)
        tokens = make_tokens(arrays.features, index, mask)
        return Batch(tokens, torch.from_numpy(self.arrays.target[rows]))


class ShuffledBatches(Sampler[list[int]]):
    """Shuffled batches of ``rows``; a last batch of one spot joins the one before, since BatchNorm needs two."""

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int) -> None:
        self.rows, self.generator = rows, np.random.default_rng(seed)
        edges = list(range(0, len(rows), batch_size)) + [len(rows)]
        if len(edges) > 2 and edges[-1] - edges[-2] == 1:
            del edges[-2]
        self.edges = edges

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[list[int]]:
        order = self.generator.permutation(self.rows)
        for start, stop in zip(self.edges, self.edges[1:], strict=False):
            yield order[start:stop].tolist()


def make_loader(arrays: SpotArrays, rows: np.ndarray, *, batch_size: int, seed: int, neighbours: bool) -> DataLoader:
    """Loader over shuffled batches of ``rows``."""
    batches = ShuffledBatches(rows, batch_size, seed)
    return DataLoader(SpotDataset(arrays, neighbours=neighbours), sampler=batches, batch_size=None)
