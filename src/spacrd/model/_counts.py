"""What counts must look like before they are used."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_HINT = "Pass raw counts, for example with `layer='counts'`."


def check_counts(counts: csr_matrix, section: str) -> csr_matrix:
    """Refuse what are not counts; warn about what can only be a mistake.

    Parameters
    ----------
    counts
        Spots by genes.
    section
        Name for the messages.

    Returns
    -------
    The same counts as float32 or float64, never the caller's memory changed.

    Raises
    ------
    ValueError
        NaN, infinite, negative or log-transformed values, or not one count.
    """
    values = counts.data if counts.data.dtype.kind == "f" else counts.data.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"Section {section!r}: {int((~np.isfinite(values)).sum())} counts are NaN or infinite. {_HINT}"
        )
    if (values < 0).any():
        raise ValueError(
            f"Section {section!r}: {int((values < 0).sum())} counts are negative (lowest {values.min():.3g}); "
            f"these look scaled. {_HINT}"
        )
    if not values.any():
        raise ValueError(f"Section {section!r} has not one count. {_HINT}")
    whole = values == np.round(values)
    if not whole.all():
        # log1p of counts per 10,000 cannot pass 9.3; counts per cell that are fractions go far beyond.
        if values.max() < 15:
            raise ValueError(
                f"Section {section!r}: the values look log-transformed already (fractions, highest "
                f"{values.max():.3g}). {_HINT}"
            )
        warnings.warn(
            f"Section {section!r}: {100 * (1 - whole.mean()):.0f} % of the counts are not whole numbers. "
            f"They are used as they are. {_HINT}",
            UserWarning,
            stacklevel=2,
        )
    checked = counts.copy()
    checked.data = values.copy()
    empty = int((np.asarray(checked.sum(axis=1)).ravel() == 0).sum())
    if empty:
        warnings.warn(
            f"Section {section!r}: {empty} of {counts.shape[0]} spots have no counts. They are kept and take their "
            "evidence from the picture and their neighbours.",
            UserWarning,
            stacklevel=2,
        )
    return checked
