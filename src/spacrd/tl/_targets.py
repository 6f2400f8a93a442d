"""What is cancer and what is not: the classes that a fit is told, against those that the labels have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._checks import quote_names, warn
from .._sections import Section


def read_classes(value: Any, argument: str) -> list[str]:
    """Class or classes as a list of text."""
    if value is None or isinstance(value, Mapping):
        raise TypeError(f"{argument} must be a class of the label column or a list of them, got {value!r}.")
    listed = [value] if np.isscalar(value) else list(value)
    if not listed:
        raise ValueError(f"{argument} names no class. Give at least one class of the label column.")
    return [str(item) for item in listed]


def check_targets(
    libraries: list[Section],
    targets: list[np.ndarray],
    label_key: str,
    positive: list[str],
    negative: list[str] | None,
) -> None:
    """Raise ValueError unless the labels of all sections together have both kinds; warn of classes none has."""
    found = sorted({str(v) for lib in libraries for v in lib.table.obs[label_key].iloc[lib.rows].dropna().unique()})
    for kind, wanted in (("positive", positive), ("negative", negative or [])):
        absent = [name for name in wanted if name not in found]
        text = f"{kind} class {quote_names(absent)} does not occur in obs[{label_key!r}]. It has {quote_names(found)}."
        if absent and len(absent) == len(wanted):
            raise ValueError(text)
        if absent:  # sections often lack one of several classes, but it may also be a misspelling
            warn(text)
    both = set(positive) & set(negative or [])
    if both:
        raise ValueError(f"{quote_names(sorted(both))} cannot be positive and negative at once.")
    target = np.concatenate(targets)
    if not (target == 0).any():
        raise ValueError(
            f"obs[{label_key!r}] has one class only: all {int((target == 1).sum())} labelled spots are positive "
            f"({quote_names(positive)}). Fitting needs spots that are not cancer too. Where all cancer was "
            "drawn, `default` of spacrd.pp.annotate labels the other spots."
        )
