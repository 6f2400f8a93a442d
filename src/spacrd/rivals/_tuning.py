"""Settings chosen on the training sections alone, with the same budget for every rival."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..features import SectionArrays
from ._harness import fit_and_score
from ._inputs import labelled, take
from ._interface import FittedRival, Rival, RivalScore

BUDGET = 8
"""Settings that a rival may choose among, at most."""
Setting = Mapping[str, Any]


def check_settings(settings: Sequence[Setting]) -> list[dict[str, Any]]:
    """Between one setting and :data:`BUDGET` of them."""
    listed = [dict(setting) for setting in settings]
    if not 1 <= len(listed) <= BUDGET:
        raise ValueError(f"A rival chooses among 1 to {BUDGET} settings, the same for all rivals; got {len(listed)}.")
    return listed


def inner_sections(sections: Sequence[SectionArrays]) -> list[SectionArrays]:
    """Sections to leave out in turn: the training sections; if there is only one, its four quarters.

    Quarters of one section touch each other, so settings chosen on them are chosen on easier data.
    """
    if len(sections) != 1:
        return list(sections)
    xy = sections[0].xy
    right, upper = (xy > np.median(xy, axis=0)).T
    quarters = [right & upper, right & ~upper, ~right & upper, ~right & ~upper]
    return [take(sections[0], rows) for rows in quarters if rows.any()]


def inner_folds(sections: Sequence[SectionArrays]) -> list[tuple[list[int], int]]:
    """Positions to fit on, and the position left out: only where both have cancer and normal spots."""
    has = [{float(value) for value in section.target[labelled(section)]} for section in sections]
    everyone = range(len(sections))
    folds = [([i for i in everyone if i != left], left) for left in everyone if len(has[left]) == 2]
    return [(fit, left) for fit, left in folds if len(set().union(*(has[i] for i in fit))) == 2]


def auc(section: SectionArrays, score: np.ndarray) -> float:
    """AUC over the labelled spots that have a score; NaN if those are of one class."""
    from sklearn.metrics import roc_auc_score

    kept = labelled(section) & np.isfinite(score)
    target = section.target[kept] == 1
    return float(roc_auc_score(target, score[kept])) if len(np.unique(target)) == 2 else float("nan")


def best(settings: Sequence[dict[str, Any]], aucs: np.ndarray) -> dict[str, Any]:
    """Setting of the highest mean AUC, the first one among equals; the first if there is no AUC.

    Parameters
    ----------
    settings
        Settings in the order in which they are preferred.
    aucs
        (settings, folds); NaN where a fold says nothing.
    """
    counted = np.isfinite(aucs).all(axis=0)
    if not counted.any():
        return settings[0]
    return settings[int(np.argmax(aucs[:, counted].mean(axis=1).round(12)))]


def in_words(setting: Setting) -> str:
    """``"C=0.1, smoothing=7"``."""
    return ", ".join(f"{name}={value}" for name, value in setting.items())


class Tuned:
    """A rival whose options are chosen by the AUC of each training section left out in turn.

    Parameters
    ----------
    make
        Makes the rival from a setting.
    settings
        Options to choose among, the default first.
    """

    def __init__(self, make: Callable[..., Rival], settings: Sequence[Setting]) -> None:
        self.make, self.settings = make, check_settings(settings)

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedTuned:
        """Choose a setting, then fit it on all training sections."""
        setting = self.settings[0]
        if len(self.settings) > 1:
            inner = inner_sections(sections)
            folds = inner_folds(inner)
            aucs = np.full((len(self.settings), len(folds)), np.nan)
            for i, options in enumerate(self.settings):
                for j, (fit, left) in enumerate(folds):
                    (found,) = fit_and_score(
                        self.make(**options), [inner[k] for k in fit], held_out=[inner[left]], seed=seed
                    )
                    aucs[i, j] = auc(inner[left], found.score)
            setting = best(self.settings, aucs)
        return FittedTuned(self.make(**setting).fit(sections, seed=seed), in_words(setting))


class FittedTuned:
    """A rival fitted with its best setting."""

    def __init__(self, fitted: FittedRival, note: str) -> None:
        self.fitted, self.note = fitted, note

    def score(self, section: SectionArrays) -> RivalScore:
        """Scores, with the setting as a note."""
        return replace(self.fitted.score(section), note=self.note)
