"""Turn the labels of sections into targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import quote_names, warn
from .._classes import (
    absent_classes,
    check_no_measurement,
    class_names,
    doubtful_classes,
    listed_counts,
    named_classes,
    warn_of_doubtful,
    warn_of_missing_text,
    warn_of_spellings,
)
from .._sections import Section, labels

if TYPE_CHECKING:
    import pandas as pd


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
    asked
        Whether the caller named the positive classes, rather than the model.
    model_classes
        Classes that are cancer and classes that are not, as the model was fitted; both empty for a fit.
    ignored
        Classes that the caller leaves out of metrics, and so knows of.
    """

    label_key: str
    positive: tuple[str, ...]
    negative: tuple[str, ...] | None = None
    asked: bool = True
    model_classes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    ignored: tuple[str, ...] = ()

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

    @property
    def named(self) -> tuple[str, ...]:
        """All classes that the caller named."""
        return (*self.positive, *(self.negative or ()))

    def read(self, section: Section) -> pd.Series:
        """Read the class of each spot, NaN where it is unlabelled."""
        column = labels(section, self.label_key)
        check_no_measurement(column, self.label_key)
        return class_names(column, self.named)

    def target(self, section: Section) -> np.ndarray:
        """Read 1 for cancer, 0 for what is not, and NaN for unlabelled spots, (n,) float32."""
        classes = self.read(section)
        target = np.where(classes.isin(self.positive), 1.0, 0.0).astype(np.float32)
        unlabelled = classes.isna() if self.negative is None else ~classes.isin(self.named)
        target[unlabelled.to_numpy()] = np.nan
        return target

    def others(self, sections: Sequence[Section]) -> tuple[str, ...]:
        """List the classes of the sections that are not cancer."""
        present = {name for section in sections for name in self.read(section).dropna().unique()}
        return tuple(sorted(present.difference(self.positive).intersection(self.negative or present)))

    def check(self, sections: Sequence[Section], targets: Sequence[np.ndarray]) -> None:
        """Compare the labels of all sections with the classes that were named.

        Raises
        ------
        ValueError
            If no section has a positive class, or none a negative one; or if a class is both.
        """
        self._check_apart()
        stored = [labels(section, self.label_key) for section in sections]
        warn_of_missing_text(stored, self.label_key, self.named)
        classes = [self.read(section) for section in sections]
        self._check_present(classes, {"positive": self.positive, "negative": self.negative or ()})
        if self.negative is None:
            warn_of_doubtful(stored, self.label_key, (*self.named, *self.ignored))
        warn_of_spellings(list(zip((section.name for section in sections), classes, strict=True)), self.label_key)
        self._check_target(sections, targets)

    def check_few(self, sections: Sequence[Section]) -> None:
        """Check the labels of a few spots, which may be of one class.

        Raises
        ------
        ValueError
            If no spot has a label, a class is positive and negative at once, or no section has the positive classes
            that the caller named, which the model does not know either.
        """
        self._check_apart()
        stored = [labels(section, self.label_key) for section in sections]
        warn_of_missing_text(stored, self.label_key, self.named)
        classes = [self.read(section) for section in sections]
        if not any(column.notna().any() for column in classes):
            raise ValueError(
                f"obs[{self.label_key!r}] has no labelled spots. Label some spots of cancer and some others."
            )
        text, n_absent = absent_classes("positive", self.positive, classes, f"obs[{self.label_key!r}]")
        if (
            n_absent == len(self.positive)
            and self.negative is None
            and not set(self.positive) & {*self.model_classes[0]}
        ):
            raise ValueError(f"{text} If no annotated spot is cancer, name the classes that are not with `negative`.")
        if self.asked and n_absent:
            warn(text)
        if self.negative is None:
            warn_of_doubtful(stored, self.label_key, self.named)
            self._warn_of_unknown(classes)
        warn_of_spellings(list(zip((section.name for section in sections), classes, strict=True)), self.label_key)
        self._check_present(classes, {"negative": self.negative or ()})
        for section, column in zip(sections, classes, strict=True):
            own = self.target(section)
            if np.isfinite(own).any() and not (own == 1).any():
                warn(
                    f"Section {section.name!r}: no spot is labelled {quote_names(self.positive)}, so all "
                    f"{int((own == 0).sum())} labelled spots count as not cancer. obs[{self.label_key!r}] has "
                    f"{quote_names(sorted(column.dropna().unique()))}; if one of these is cancer, name it with "
                    "`positive`."
                )

    def _warn_of_unknown(self, classes: Sequence[pd.Series]) -> None:
        """Warn of classes that count as not cancer and that the model, whose names the others are, does not know."""
        cancer, others = self.model_classes
        if not others or not set(self.positive) <= set(cancer):
            return
        asked = [column for column in classes if column.isin(self.positive).any()]  # the others are asked about anyway
        counts = Counter(name for column in asked for name in column.dropna())
        doubtful = doubtful_classes(classes, self.named)
        unknown = {name: n for name, n in counts.items() if name not in (*cancer, *others) and name not in doubtful}
        if unknown:
            warn(
                f"obs[{self.label_key!r}] holds {listed_counts(unknown)}, which count as not cancer, but no training "
                f"section had them. Of the classes of the model, {quote_names(cancer)} is cancer and "
                f"{quote_names(others)} is not. Name the classes of this section that are cancer with `positive`, or "
                "those that are not with `negative`."
            )

    def _check_present(self, classes: Sequence[pd.Series], kinds: Mapping[str, Sequence[str]]) -> None:
        """Raise if no class of a kind occurs in any section, and warn of single ones."""
        for kind, names in kinds.items():
            text, n_absent = absent_classes(kind, names, classes, f"obs[{self.label_key!r}]")
            if n_absent and n_absent == len(names):
                raise ValueError(text)
            if n_absent:  # sections often lack one of several classes, but it may also be a misspelling
                warn(text)

    def _check_apart(self) -> None:
        if both := set(self.positive) & set(self.negative or ()):
            raise ValueError(f"{quote_names(sorted(both))} cannot be positive and negative at once.")

    def _check_target(self, sections: Sequence[Section], targets: Sequence[np.ndarray]) -> None:
        """Raise if all labelled spots are positive; warn of sections that have labels but no positive spot."""
        target = np.concatenate(targets)
        if not (target == 0).any():
            raise ValueError(
                f"obs[{self.label_key!r}] has one class only: all {int((target == 1).sum())} labelled spots are "
                f"positive ({quote_names(self.positive)}). Fitting needs spots that are not cancer too. Where all "
                "cancer was drawn, `default` of spacrd.pp.annotate labels the other spots."
            )
        without = [
            section.name
            for section, own in zip(sections, targets, strict=True)
            if np.isfinite(own).any() and not (own == 1).any()
        ]
        if without:
            warn(
                f"Section {quote_names(without)} has labels but no spot of {quote_names(self.positive)}: all its "
                "labelled spots count as not cancer. If it holds cancer, check how its classes are spelled."
            )


def _listed(value: Any, argument: str) -> tuple[str, ...]:
    """Return a class, or a list of them, as text."""
    classes = named_classes(value, argument)
    if not classes:
        raise ValueError(f"{argument} names no class. Give at least one class of the label column.")
    return classes
