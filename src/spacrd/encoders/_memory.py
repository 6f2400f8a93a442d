"""What to do when a batch does not fit into the memory of the device."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from .._checks import warn


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
        """Embed all patches, in as many parts as needed."""
        start = 0
        parts: list[np.ndarray] = []
        while start < len(patches) or not parts:
            part = patches[start : start + (self.limit or len(patches))]
            try:
                parts.append(self.function(part))
                start += len(part)
                continue
            except Exception as error:
                if not is_out_of_memory(error) or len(part) < 2:
                    raise
            # Out of the handler, so that the tensors in its traceback are gone.
            self.limit = len(part) // 2
            if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
                torch.cuda.empty_cache()
            warn(
                f"Encoder {self.name!r} ran out of memory with {len(part)} patches at once; from now on it takes "
                f"{self.limit}. Pass batch_size={self.limit} to spare the attempt."
            )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device ran out of memory: torch has an exception for CUDA and words for the others."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and ("out of memory" in str(error) or "not enough memory" in str(error))
