"""What a rival is: fitted on labelled sections, it scores the spots of a section without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from ..features import SectionArrays


class MissingInputError(ValueError):
    """The sections lack what a rival reads, such as an image or a list of markers.

    Examples
    --------
    >>> import spacrd
    >>> issubclass(spacrd.rivals.MissingInputError, ValueError)
    True
    """


@dataclass(frozen=True)
class RivalScore:
    """Scores of the spots of one section.

    Attributes
    ----------
    score
        The higher, the more like cancer, (n,) float64; NaN where the inputs of a spot are missing.
    threshold
        Score from which the rival itself calls a spot cancer; None if it has no such rule. It is found without the
        labels of the section.
    probability
        Whether scores are probabilities of cancer, between 0 and 1.
    note
        What the rival chose on the training sections, in words, such as ``"C=0.1, smoothing=7"``.
    uncertain
        Spots that the rival itself leaves undecided, (n,) bool; None if it decides all.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.rivals.RivalScore([0.2, 0.9], threshold=0.5, probability=True).score.dtype
    dtype('float64')
    """

    score: np.ndarray
    threshold: float | None = None
    probability: bool = False
    note: str = ""
    uncertain: np.ndarray | None = None

    def __post_init__(self) -> None:
        score = np.asarray(self.score, dtype=np.float64)
        if score.ndim != 1:
            raise ValueError(f"Scores must be one number a spot, got an array of shape {score.shape}.")
        if np.isinf(score).any():
            raise ValueError(
                f"Scores must be finite, or NaN where inputs are missing; {np.isinf(score).sum()} are infinite."
            )
        outside = (score < 0) | (score > 1)
        if self.probability and outside.any():
            raise ValueError(f"Probabilities must lie between 0 and 1, got {score[outside][0]}.")
        if self.uncertain is not None and np.shape(self.uncertain) != score.shape:
            raise ValueError(f"uncertain has shape {np.shape(self.uncertain)}, the scores have {score.shape}.")
        object.__setattr__(self, "score", score)


@runtime_checkable
class FittedRival(Protocol):
    """A rival that has seen its training sections.

    Examples
    --------
    >>> import spacrd
    >>> isinstance(spacrd.rivals.get("depth").fit([]), spacrd.rivals.FittedRival)
    True
    """

    def score(self, section: SectionArrays) -> RivalScore:
        """Score every spot of a section, whose ``target`` is all NaN."""
        ...


@runtime_checkable
class Rival(Protocol):
    """A method with its options, not fitted yet.

    Examples
    --------
    >>> import spacrd
    >>> isinstance(spacrd.rivals.get("depth"), spacrd.rivals.Rival)
    True
    """

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedRival:
        """Learn from training sections, whose ``target`` is 1 (cancer), 0 (normal) or NaN (unlabelled).

        Parameters
        ----------
        sections
            Training sections; the section to be scored is never among them. They must not be changed.
        seed
            Decides every random choice: equal seeds give equal scores.
        """
        ...


def without_labels(section: SectionArrays) -> SectionArrays:
    """The same section, every spot unlabelled.

    Parameters
    ----------
    section
        A section with or without labels.

    Returns
    -------
    A section that shares all arrays but ``target`` with the given one.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> arrays = spacrd.features.SectionArrays("mine", np.zeros((1, 2)), 1.0, None, None, None, np.array([1.0]))
    >>> spacrd.rivals.without_labels(arrays).target
    array([nan], dtype=float32)
    """
    return replace(section, target=np.full(len(section.xy), np.nan, dtype=np.float32))
