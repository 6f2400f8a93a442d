"""Check counts before they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import warn
from ._blocks import blocks
from ._scaling import on_disk

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_HINT = "Pass raw counts, for example with `layer='counts'`."

_DAMAGED = "So a matrix looks when a part of its file is missing: copy the file again."


@dataclass
class CountFaults:
    """Add up the faults of a matrix of counts, block by block."""

    bad: int = 0
    negative: int = 0
    lowest: float = 0.0
    highest: float = 0.0
    fractions: int = 0
    stored: int = 0
    doubled: int = 0
    empty: int = 0

    def add(self, block: csr_matrix) -> None:
        """Add the faults of some rows."""
        values = block.data
        bad = ~np.isfinite(values)
        self.bad += int(bad.sum())
        values = values[~bad] if bad.any() else values
        self.negative += int((values < 0).sum())
        self.lowest = min(self.lowest, float(values.min(initial=0)))
        self.highest = max(self.highest, float(values.max(initial=0)))
        if values.dtype.kind == "f":
            self.fractions += int((values != np.round(values)).sum())
        self.stored += len(values)
        if not block.has_canonical_format:
            summed = block.copy()
            summed.sum_duplicates()
            self.doubled += block.nnz - summed.nnz
        self.empty += int((np.asarray(block.sum(axis=1)).ravel() == 0).sum())


def check_counts(counts: Any, section: str, hint: str = _HINT) -> Any:
    """Refuse values that are not counts, and warn about suspicious ones.

    Parameters
    ----------
    counts
        Spots by genes, in memory or on disk.
    section
        Name for the messages.
    hint
        What to do about values that are no counts.

    Returns
    -------
    The counts as float32 or float64; the input is not changed.

    Raises
    ------
    ValueError
        If values are NaN, infinite, negative or log-transformed, a spot has a gene twice, or all counts are 0.
    """
    from scipy.sparse import issparse

    faults = CountFaults()
    if issparse(counts) and (np.diff(counts.indptr) < 0).any():
        raise ValueError(f"Section {section!r}: the counts of its spots overlap in the sparse matrix. {_DAMAGED}")
    for rows in blocks(counts.shape[0]):
        faults.add(counts[rows])
    if faults.bad:
        raise ValueError(f"Section {section!r}: {faults.bad} counts are NaN or infinite. {hint}")
    if faults.negative:
        raise ValueError(
            f"Section {section!r}: {faults.negative} counts are negative (lowest {faults.lowest:.3g}); "
            f"these look scaled. {hint}"
        )
    if faults.doubled:
        raise ValueError(
            f"Section {section!r}: {faults.doubled} counts are of a gene that the same spot has already. {_DAMAGED} If "
            "they are meant to be added, call `adata.X.sum_duplicates()`."
        )
    if not faults.highest:
        raise ValueError(f"Section {section!r} has not one count. {hint}")
    if faults.fractions:
        # log1p of counts per 10,000 cannot pass 9.3; counts per cell that are fractions go far beyond.
        if faults.highest < 15:
            raise ValueError(
                f"Section {section!r}: the values look log-transformed already (fractions, highest "
                f"{faults.highest:.3g}). {hint}"
            )
        warn(
            f"Section {section!r}: {100 * faults.fractions / faults.stored:.0f} % of the counts are not whole numbers. "
            f"They are used as they are. {hint}",
        )
    if faults.empty:
        warn(
            f"Section {section!r}: {faults.empty} of {counts.shape[0]} spots have no counts. They are kept and take "
            "their evidence from the image and their neighbours. If they lie on tissue, a part of the file may "
            "be missing.",
        )
    if on_disk(counts) or counts.dtype.kind == "f":
        return counts
    return counts.astype(np.float64)
