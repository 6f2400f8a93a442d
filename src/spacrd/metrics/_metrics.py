"""Agreement of likelihoods with labels, on plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._checks import warn


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
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


def expected_calibration_error(y: ArrayLike, p: ArrayLike, *, n_bins: int = 10) -> float:
    """Gap between predicted likelihood and observed frequency, averaged over spots.

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


def scores(y: ArrayLike, p: ArrayLike, called: ArrayLike | None = None) -> dict[str, float]:
    """Score likelihoods against 0/1 labels.

    Parameters
    ----------
    y
        (n,) labels, 0 or 1.
    p
        (n,) likelihoods between 0 and 1.
    called
        (n,) booleans: the spots called cancer. Without it, ``f1``, ``precision`` and ``recall`` are NaN.

    Returns
    -------
    ``n``, ``n_positive``, ``prevalence``; ``auc`` (ROC), ``ap`` (average precision) and ``ks`` (largest distance of
    the two cumulative distributions), NaN with a warning if only one class is present; ``f1``, ``precision``,
    ``recall`` of ``called``, NaN where undefined; ``brier`` (mean squared error) and ``ece``
    (:func:`expected_calibration_error`, 10 bins).

    Raises
    ------
    ValueError
        If lengths differ, labels are not 0/1 or likelihoods lie outside [0, 1].

    Examples
    --------
    >>> import spacrd
    >>> spacrd.metrics.scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["auc"]
    0.75
    """
    from scipy.stats import ks_2samp
    from sklearn.metrics import average_precision_score, roc_auc_score

    labels, likelihood = _checked(y, p)
    n, n_positive = labels.size, int(labels.sum())
    nan = float("nan")
    result: dict[str, float] = {
        "n": n,
        "n_positive": n_positive,
        "prevalence": n_positive / n if n else nan,
        "auc": nan,
        "ap": nan,
        "f1": nan,
        "precision": nan,
        "recall": nan,
        "ks": nan,
        "brier": float(np.mean((labels - likelihood) ** 2)) if n else nan,
        "ece": expected_calibration_error(labels, likelihood),
    }
    if 0 < n_positive < n:
        result["auc"] = float(roc_auc_score(labels, likelihood))
        result["ap"] = float(average_precision_score(labels, likelihood))
        result["ks"] = float(ks_2samp(likelihood[labels], likelihood[~labels]).statistic)
    else:
        found = "no labelled spot" if n == 0 else f"{n} spots, all {'positive' if n_positive else 'negative'}"
        warn(f"AUC, AP and KS need both classes, found {found}: they are NaN.")
    if called is not None:
        cut = np.asarray(called, dtype=bool)
        if cut.shape != labels.shape:
            raise ValueError(f"called {cut.shape} and labels {labels.shape} must have the same length.")
        hits, n_called = int((cut & labels).sum()), int(cut.sum())
        result["precision"] = hits / n_called if n_called else nan
        result["recall"] = hits / n_positive if n_positive else nan
        result["f1"] = 2 * hits / (n_called + n_positive) if n_called + n_positive else nan
    return result
