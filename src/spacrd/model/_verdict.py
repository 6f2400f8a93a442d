"""The verdict on a section, its reason, and how often verdicts were right where that was measured."""

from __future__ import annotations

import numpy as np

from .._keys import NO_TUMOUR, TUMOUR, UNCLEAR
from ._presence import MAX_SHARE, Presence

N_TOYS = 20
"""Simulated sections with tumour, and as many without, for each number of training sections."""
MEASURED = {2: (10, 0, 0, 3), 3: (16, 0, 0, 8), 5: (17, 0, 0, 16)}
"""By the number of training sections: with tumour, those with the verdict ``tumour`` and with ``no tumour``; without
tumour, the same. ``python -m benchmarks.calls --tasks "toy*"``."""
LABELLED = "a spot is annotated as cancer"


def give_verdict(
    presence: Presence | None, statistic: float, share: float, *, shifted: bool, has_tumour: bool
) -> tuple[str, str]:
    """Return the verdict on a section and its reason.

    ``presence`` are the bounds, ``statistic`` and ``share`` describe the section as in :meth:`Presence.judge`;
    ``shifted`` tells whether it is unlike the training sections.
    """
    if presence is None:
        return UNCLEAR, "the model has no bounds for a verdict: they take two annotated sections with enough spots"
    if shifted:
        return UNCLEAR, "the section is unlike the training sections"
    if not np.isfinite(statistic):
        return UNCLEAR, "a verdict takes 20 spots that can be scored"
    verdict = presence.judge(statistic, share, has_tumour=has_tumour)
    parts = [f"the spots most like cancer lie {statistic:.1f} above the median spot (log odds)"]
    if verdict != TUMOUR:
        parts.append(f"sections with a small tumour are expected to have at least {presence.no_tumour_below:.1f}")
    if verdict == TUMOUR or statistic >= presence.no_tumour_below:
        parts.append(f"sections without tumour at most {presence.tumour_above:.1f}")
    elif has_tumour:
        parts.append("but you expect cancer")
    else:
        bound = "but" if share > MAX_SHARE else "and"
        parts.append(
            f"{bound} about {share:.0%} of the section looks like cancer (at most {MAX_SHARE:.0%} for {NO_TUMOUR!r})"
        )
    return verdict, "; ".join(parts)


def verdict_rates(n_sections: int) -> str:
    """Say how often verdicts of models of so many training sections were right; empty if that was not measured.

    The largest number that was measured, up to that of the model, counts.
    """
    measured = [n for n in MEASURED if n <= n_sections]
    if not measured:
        return ""
    n = max(measured)
    found, missed, false, right = MEASURED[n]
    return (
        f"in simulations with {n} training sections, {found} of {N_TOYS} sections with tumour got {TUMOUR!r} and "
        f"{missed} {NO_TUMOUR!r}; of {N_TOYS} sections without tumour {false} got {TUMOUR!r} and {right} {NO_TUMOUR!r};"
        f" the others were {UNCLEAR!r}. On real tissue, verdicts are less reliable"
    )
