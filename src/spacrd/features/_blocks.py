"""How much of a section is held in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class BlockSizes:
    """Sizes of the blocks that large sections are read in; they change memory and speed, not results.

    Attributes
    ----------
    rows
        Rows of a matrix.
    read_bytes
        Dense size of the rows of a matrix on disk that are read together.
    column_bytes
        Dense size of the columns whose quantiles are found together.
    neighbourhoods
        Neighbourhoods whose counts are summed together.
    """

    rows: int = 4096
    read_bytes: int = 1 << 29
    column_bytes: int = 1 << 27
    neighbourhoods: int = 1024


block_sizes = BlockSizes()


def blocks(n: int, size: int | None = None) -> Iterator[slice]:
    """Split ``n`` rows into slices of at most ``size`` rows."""
    size = block_sizes.rows if size is None else size
    return (slice(start, min(n, start + size)) for start in range(0, n, size))
