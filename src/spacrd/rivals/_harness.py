"""Run a rival so that it cannot see what it must not see."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import quote_names
from ..features import SectionArrays, blocks
from ._interface import Rival, RivalScore, without_labels


def fit_and_score(
    rival: Rival, training: Sequence[SectionArrays], *, held_out: Sequence[SectionArrays], seed: int = 0
) -> list[RivalScore]:
    """Fit a rival on some sections and score others without their labels.

    Parameters
    ----------
    rival
        A rival, see :func:`get`.
    training
        Sections to fit on, with labels.
    held_out
        Sections to score; their labels are removed before the rival gets them.
    seed
        Decides every random choice.

    Returns
    -------
    One score per held-out section, in their order.

    Raises
    ------
    ValueError
        If a section is both fitted on and scored.
    TypeError, ValueError
        If the rival returns something that is not a :class:`RivalScore` with one score a spot.

    Examples
    --------
    >>> import numpy as np, spacrd
    >>> counts, genes = np.array([[1, 0], [9, 3]]), np.array(["ERBB2", "COL1A1"])
    >>> xy, nan = np.array([[0.0, 0.0], [100.0, 0.0]]), np.full(2, np.nan)
    >>> section = spacrd.features.SectionArrays("mine", xy, 1.0, counts, genes, None, nan)
    >>> (found,) = spacrd.rivals.fit_and_score(spacrd.rivals.get("depth"), [], held_out=[section])
    >>> found.score.round(2)
    array([0.69, 2.56])
    """
    same = [section.name for section in held_out if any(section is other for other in training)]
    if same:
        raise ValueError(f"The sections {quote_names(same)} are both fitted on and scored. Hold them out of the fit.")
    fitted = rival.fit(list(training), seed=seed)
    return [_checked(fitted.score(without_labels(section)), rival, section) for section in held_out]


def _checked(found: Any, rival: Rival, section: SectionArrays) -> RivalScore:
    name = type(rival).__name__
    if not isinstance(found, RivalScore):
        raise TypeError(f"{name}.score must return a spacrd.rivals.RivalScore, got {type(found).__name__}.")
    if len(found.score) != len(section.xy):
        raise ValueError(f"{name} gave {len(found.score)} scores to the {len(section.xy)} spots of {section.name!r}.")
    return found


def as_likelihood(found: RivalScore) -> np.ndarray:
    """Scores between 0 and 1 in the same order, (n,) float64: what a table or a mixture of two groups can read.

    Probabilities stay as they are. Other scores are standardised over the spots of their section and mapped by the
    logistic function; they are no probabilities.

    Parameters
    ----------
    found
        Scores of one section.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.rivals.as_likelihood(spacrd.rivals.RivalScore([10.0, 20.0, 30.0])).round(2)
    array([0.23, 0.5 , 0.77])
    """
    from scipy.special import expit

    return found.score if found.probability else expit(standardised(found.score))


def standardised(score: np.ndarray) -> np.ndarray:
    """Scores minus their mean over their standard deviation, NaN left out; all 0 if they are equal."""
    there = np.isfinite(score)
    if not there.any():
        return score
    spread = score[there].std()
    centred = score - score[there].mean()
    return centred / spread if spread > 1e-12 * np.abs(score[there]).max() else 0.0 * centred


def digest(section: SectionArrays) -> str:
    """SHA-256 of all that a rival can read of a section but its labels, to tell whether two rivals got the same.

    Parameters
    ----------
    section
        Any section.

    Examples
    --------
    >>> import numpy as np, spacrd
    >>> section = spacrd.features.SectionArrays("mine", np.zeros((1, 2)), 1.0, None, None, None, np.array([1.0]))
    >>> spacrd.rivals.digest(section) == spacrd.rivals.digest(spacrd.rivals.without_labels(section))
    True
    """
    sha = hashlib.sha256(repr((section.name, float(section.um_per_unit))).encode())
    sha.update(np.ascontiguousarray(section.xy, dtype=np.float64).tobytes())
    if section.genes is not None:
        sha.update("\0".join(map(str, section.genes)).encode())
    for matrix in (section.counts, section.image):
        for rows in blocks(len(section.xy)) if matrix is not None else ():
            block = matrix[rows]
            dense = block.toarray() if hasattr(block, "toarray") else np.asarray(block)
            sha.update(np.ascontiguousarray(dense, dtype=np.float32).tobytes())
        sha.update(b"absent" if matrix is None else b"there")
    return sha.hexdigest()
