"""Sizes of the blocks that large sections are read in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class BlockSizes:
    """Set how much of a large section is in memory at a time; this changes memory and speed, not results.

    Attributes
    ----------
    rows
        Rows of a matrix.
    read_bytes
        Bytes, when dense, of the rows that are read together from a matrix on disk.
    column_bytes
        Bytes of the values whose quantiles are computed together.
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
