"""Turn the labels of sections into targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import quote_names, warn
from .._sections import Section, labels


@dataclass(frozen=True)
class ClassLabels:
    """Hold the classes of a label column that are cancer and those that are not.

    Attributes
    ----------
    label_key
        ``.obs`` column of annotated classes.
    positive
        Classes that are cancer.
    negative
        Classes that are not cancer, all others being unlabelled; None if all others are not cancer.
    """

    label_key: str
    positive: tuple[str, ...]
    negative: tuple[str, ...] | None = None

    @classmethod
    def resolve(cls, label_key: str, positive: Any, negative: Any) -> ClassLabels:
        """Check the arguments of a call.

        Raises
        ------
        TypeError
            If ``positive`` or ``negative`` is no class or list of classes.
        ValueError
            If one is an empty list.
        """
        return cls(
            label_key,
            _listed(positive, "positive"),
            None if negative is None else _listed(negative, "negative"),
        )

    def target(self, section: Section) -> np.ndarray:
        """Return 1 for spots of cancer, 0 for others, and NaN for unlabelled spots, (n,) float32."""
        values = labels(section, self.label_key)
        text = values.where(values.isna(), values.astype(str))
        target = np.where(text.isin(self.positive), 1.0, 0.0).astype(np.float32)
        unlabelled = text.isna() if self.negative is None else ~text.isin([*self.positive, *self.negative])
        target[unlabelled.to_numpy()] = np.nan
        return target

    def check(self, sections: Sequence[Section], targets: Sequence[np.ndarray]) -> None:
        """Raise ValueError unless the sections have labels of both kinds; warn of classes that no section has."""
        columns = [section.table.obs[self.label_key].iloc[section.rows] for section in sections]
        present = sorted({str(value) for column in columns for value in column.dropna().unique()})
        for kind, classes in (("positive", self.positive), ("negative", self.negative or ())):
            absent = [name for name in classes if name not in present]
            text = (
                f"{kind} class {quote_names(absent)} does not occur in obs[{self.label_key!r}]. It has "
                f"{quote_names(present)}."
            )
            if absent and len(absent) == len(classes):
                raise ValueError(text)
            if absent:  # sections often lack one of several classes, but it may also be a misspelling
                warn(text)
        if both := set(self.positive) & set(self.negative or ()):
            raise ValueError(f"{quote_names(sorted(both))} cannot be positive and negative at once.")
        target = np.concatenate(targets)
        if not (target == 0).any():
            raise ValueError(
                f"obs[{self.label_key!r}] has one class only: all {int((target == 1).sum())} labelled spots are "
                f"positive ({quote_names(self.positive)}). Fitting needs spots that are not cancer too. Where all "
                "cancer was drawn, `default` of spacrd.pp.annotate labels the other spots."
            )


def _listed(value: Any, argument: str) -> tuple[str, ...]:
    """Return a class, or a list of them, as text."""
    if value is None or isinstance(value, Mapping):
        raise TypeError(f"{argument} must be a class of the label column or a list of them, got {value!r}.")
    classes = [value] if np.isscalar(value) else list(value)
    if not classes:
        raise ValueError(f"{argument} names no class. Give at least one class of the label column.")
    return tuple(map(str, classes))
