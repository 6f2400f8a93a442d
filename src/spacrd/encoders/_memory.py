"""Smaller batches after a batch did not fit into the memory of the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .._hardware import fits, halved


class Halving:
    """An encoder function that takes fewer patches at once after the device ran out of memory.

    Parameters
    ----------
    function
        Patches, (b, size, size, 3), to embeddings, (b, dim).
    name
        Name of the encoder, for the warning.
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], name: str) -> None:
        self.function, self.name = function, name
        self.limit: int | None = None

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Embed all patches, in as many batches as needed."""
        embeddings: list[np.ndarray] = []

        def embed(batch: np.ndarray) -> None:
            embeddings.append(self.function(batch))

        start = 0
        while start < len(patches) or not embeddings:
            batch = patches[start : start + (self.limit or len(patches))]
            if fits(partial(embed, batch), len(batch)):
                start += len(batch)
            else:
                self.limit = halved(len(batch), f"Encoder {self.name!r}", "it goes on", unit="patches")
        return embeddings[0] if len(embeddings) == 1 else np.concatenate(embeddings)
