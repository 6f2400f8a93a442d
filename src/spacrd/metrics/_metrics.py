"""Agreement of likelihoods with labels, on plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._checks import warn

CALLS = ("called", "uncertain", "f1_certain", "error_certain", "error_uncertain")
"""Metrics of calls and of their certainty."""


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as booleans and likelihoods as float64, checked."""
    if np.ma.is_masked(y) or np.ma.is_masked(p):
        raise ValueError("Labels or likelihoods are masked; leave these spots out.")
    labels, likelihood = np.asarray(y), np.asarray(p, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != likelihood.shape:
        raise ValueError(
            f"Labels {labels.shape} and likelihoods {likelihood.shape} must be one-dimensional and of the same length."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Labels must be 0 or 1 (or booleans); leave unlabelled spots out.")
    outside = ~((likelihood >= 0) & (likelihood <= 1))
    if outside.any():
        raise ValueError(
            f"Likelihoods must lie between 0 and 1, found {likelihood[outside][0]} among {int(outside.sum())} such "
            "values; leave spots without a likelihood out."
        )
    return labels.astype(bool), likelihood


def _flags(values: ArrayLike, argument: str) -> np.ndarray:
    """Return booleans; raise ValueError for anything else."""
    if np.ma.is_masked(values):
        raise ValueError(f"{argument} has masked values; leave these spots out.")
    flags = np.asarray(values)
    if flags.size and not (flags.dtype.kind in "biuf" and np.isin(flags, (0, 1)).all()):
        raise ValueError(f"{argument} must be booleans, or 0 and 1, got {flags.dtype} such as {flags.ravel()[0]!r}.")
    return flags.astype(bool)


def expected_calibration_error(y: ArrayLike, p: ArrayLike, *, n_bins: int = 10) -> float:
    """Compute the gap between predicted likelihood and observed frequency, averaged over spots.

    Likelihoods fall into ``n_bins`` equally wide bins of [0, 1]; the absolute gap between their mean and the fraction
    of positives is weighted by the number of spots of the bin.

    Parameters
    ----------
    y
        (n,) labels, 0 or 1.
    p
        (n,) likelihoods between 0 and 1.
    n_bins
        Number of bins.

    Returns
    -------
    The error between 0 (calibrated) and 1; NaN without spots.

    Raises
    ------
    ValueError
        If lengths differ, labels are not 0/1 or likelihoods lie outside [0, 1].

    References
    ----------
    Naeini MP, Cooper GF, Hauskrecht M (2015). Obtaining well calibrated probabilities using Bayesian binning.
    Proceedings of the AAAI Conference on Artificial Intelligence 29.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.metrics.expected_calibration_error([0, 1], [0.0, 1.0])
    0.0
    """
    labels, likelihood = _checked(y, p)
    if labels.size == 0:
        return float("nan")
    bins = np.minimum((likelihood * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, weights=labels - likelihood, minlength=n_bins)
    return float(np.abs(gap).sum() / labels.size)


def scores(
    y: ArrayLike, p: ArrayLike, called: ArrayLike | None = None, *, uncertain: ArrayLike | None = None
) -> dict[str, float]:
    """Score likelihoods against 0/1 labels.

    Parameters
    ----------
    y
        (n,) labels, 0 or 1.
    p
        (n,) likelihoods between 0 and 1.
    called
        (n,) booleans: the spots on the side of cancer, uncertain or not. Without it, what needs calls is NaN.
    uncertain
        (n,) booleans: the spots whose call is uncertain; none if None.

    Returns
    -------
    ``n``, ``n_positive``, ``prevalence``; ``auc`` (ROC), ``ap`` (average precision) and ``ks`` (largest distance of
    the two cumulative distributions), NaN with a warning if only one class is present; ``f1``, ``precision``,
    ``recall`` of ``called``, NaN where undefined; ``brier`` (mean squared error) and ``ece``
    (:func:`expected_calibration_error`, 10 bins); ``called`` cancer and ``uncertain``, the shares of such spots;
    ``f1_certain``, where uncertain spots count as not called; ``error_certain`` and ``error_uncertain``, the shares of
    wrong calls among spots that are certain and among those that are not.

    Raises
    ------
    ValueError
        If lengths differ, labels are not 0/1 or likelihoods lie outside [0, 1].

    See Also
    --------
    spacrd.metrics.evaluate : The same metrics of scored sections.

    Notes
    -----
    scikit-learn computes AUC, average precision, F1, precision, recall and the Brier score, scipy the
    Kolmogorov-Smirnov statistic.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.metrics.scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["auc"]
    0.75
    """
    labels, likelihood = _checked(y, p)
    n, n_positive = labels.size, int(labels.sum())
    nan = float("nan")
    result: dict[str, float] = {"n": n, "n_positive": n_positive, "prevalence": n_positive / n if n else nan}
    result |= dict.fromkeys(("auc", "ap", "f1", "precision", "recall", "ks", "brier", *CALLS), nan)
    result["ece"] = expected_calibration_error(labels, likelihood)
    if n:
        from sklearn.metrics import brier_score_loss

        result["brier"] = float(brier_score_loss(labels, likelihood, pos_label=True))
    if 0 < n_positive < n:
        result |= _ranking(labels, likelihood)
    else:
        present = "no labelled spot" if n == 0 else f"{n} spots, all {'positive' if n_positive else 'negative'}"
        warn(f"AUC, AP and KS need both classes, found {present}: they are NaN.")
    if called is not None:
        cut = _flags(called, "called")
        if cut.shape != labels.shape:
            raise ValueError(f"called {cut.shape} and labels {labels.shape} must have the same length.")
        if n:
            unsure = np.zeros(n, dtype=bool) if uncertain is None else _flags(uncertain, "uncertain")
            if unsure.shape != labels.shape:
                raise ValueError(f"uncertain {unsure.shape} and labels {labels.shape} must have the same length.")
            result |= _agreement(labels, cut) | _certainty(labels, cut, unsure)
    return result


def _ranking(labels: np.ndarray, likelihood: np.ndarray) -> dict[str, float]:
    """Compute how well likelihoods tell two classes apart, whatever the threshold."""
    from scipy.stats import ks_2samp
    from sklearn.metrics import average_precision_score, roc_auc_score

    return {
        "auc": float(roc_auc_score(labels, likelihood)),
        "ap": float(average_precision_score(labels, likelihood)),
        "ks": float(ks_2samp(likelihood[labels], likelihood[~labels]).statistic),
    }


def _agreement(labels: np.ndarray, called: np.ndarray) -> dict[str, float]:
    """Compute how well calls agree with labels; NaN where no spot is called, or none is positive."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, called, average="binary", pos_label=True, zero_division=np.nan
    )
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _certainty(labels: np.ndarray, called: np.ndarray, uncertain: np.ndarray) -> dict[str, float]:
    """Compute how often calls are wrong, of spots that are certain and of those that are not."""
    wrong = called != labels
    return {
        "called": float((called & ~uncertain).mean()),
        "uncertain": float(uncertain.mean()),
        "f1_certain": _agreement(labels, called & ~uncertain)["f1"],
        "error_certain": float(wrong[~uncertain].mean()) if not uncertain.all() else float("nan"),
        "error_uncertain": float(wrong[uncertain].mean()) if uncertain.any() else float("nan"),
    }
