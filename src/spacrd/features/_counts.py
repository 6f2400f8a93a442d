"""What counts must look like before they are used."""

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
    """What was found among the counts so far."""

    bad: int = 0
    negative: int = 0
    lowest: float = 0.0
    highest: float = 0.0
    fractions: int = 0
    stored: int = 0
    doubled: int = 0
    empty: int = 0

    def add(self, block: csr_matrix) -> None:
        """Look at some rows."""
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
            once = block.copy()
            once.sum_duplicates()
            self.doubled += block.nnz - once.nnz
        self.empty += int((np.asarray(block.sum(axis=1)).ravel() == 0).sum())


def check_counts(counts: Any, section: str, hint: str = _HINT) -> Any:
    """Refuse what are not counts; warn about what can only be a mistake.

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
    The same counts as float32 or float64, never the caller's memory changed.

    Raises
    ------
    ValueError
        NaN, infinite, negative or log-transformed values, a gene twice in a spot, or not one count.
    """
    from scipy.sparse import issparse

    seen = CountFaults()
    if issparse(counts) and (np.diff(counts.indptr) < 0).any():
        raise ValueError(f"Section {section!r}: the counts of its spots overlap in the sparse matrix. {_DAMAGED}")
    for rows in blocks(counts.shape[0]):
        seen.add(counts[rows])
    if seen.bad:
        raise ValueError(f"Section {section!r}: {seen.bad} counts are NaN or infinite. {hint}")
    if seen.negative:
        raise ValueError(
            f"Section {section!r}: {seen.negative} counts are negative (lowest {seen.lowest:.3g}); "
            f"these look scaled. {hint}"
        )
    if seen.doubled:
        raise ValueError(
            f"Section {section!r}: {seen.doubled} counts are of a gene that the same spot has already. {_DAMAGED} If "
            "they are meant to be added, call `adata.X.sum_duplicates()`."
        )
    if not seen.highest:
        raise ValueError(f"Section {section!r} has not one count. {hint}")
    if seen.fractions:
        # log1p of counts per 10,000 cannot pass 9.3; counts per cell that are fractions go far beyond.
        if seen.highest < 15:
            raise ValueError(
                f"Section {section!r}: the values look log-transformed already (fractions, highest "
                f"{seen.highest:.3g}). {hint}"
            )
        warn(
            f"Section {section!r}: {100 * seen.fractions / seen.stored:.0f} % of the counts are not whole numbers. "
            f"They are used as they are. {hint}",
        )
    if seen.empty:
        warn(
            f"Section {section!r}: {seen.empty} of {counts.shape[0]} spots have no counts. They are kept and take "
            "their evidence from the image and their neighbours. If they lie on tissue, a part of the file may "
            "be missing.",
        )
    if on_disk(counts) or counts.dtype.kind == "f":
        return counts
    return counts.astype(np.float64)
