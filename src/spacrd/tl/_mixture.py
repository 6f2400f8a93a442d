"""Find a threshold of likelihoods without labels: by a mixture (paper 2.3) or by Otsu."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

METHODS = ("expected_f1", "gmm", "otsu")
"""Names of the methods."""
MIN_SPOTS = 20
"""Fewest scored spots for a mixture."""
MAX_SPOTS = 20_000
"""Most order statistics, evenly spaced, that a mixture is fitted on."""


@dataclass(frozen=True)
class Threshold:
    """Hold a threshold and how it was found.

    Attributes
    ----------
    threshold
        Likelihood from which a spot is called cancer.
    method
        Description of the method, with the fallback if one was used.
    means, sds, weights
        Components of the mixture on the logit scale, lower mean first, (2,); empty without a mixture.
    """

    threshold: float
    method: str
    means: np.ndarray = field(default_factory=lambda: np.empty(0))
    sds: np.ndarray = field(default_factory=lambda: np.empty(0))
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))


def _crossing(means: np.ndarray, sds: np.ndarray, weights: np.ndarray) -> float | None:
    """Find where the two weighted densities are equal between the means; None if nowhere."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    def difference(x: float) -> float:
        log = np.log(weights) + norm.logpdf(x, means, sds)
        return float(log[1] - log[0])

    if difference(means[0]) >= 0 or difference(means[1]) <= 0:
        return None
    return float(brentq(difference, means[0], means[1]))


def mixture_cut(likelihood: np.ndarray) -> Threshold:
    """Cut at the crossing of a two-component Gaussian mixture of the logits.

    Logits of classifiers are closer to Gaussian than likelihoods, and not bounded. If one Gaussian fits as well (by
    BIC), the threshold is 0.5. If the densities do not cross between the means, the threshold is half way between
    them. NaN are left out.
    """
    from sklearn.mixture import GaussianMixture

    scored = np.asarray(likelihood, dtype=np.float64)
    scored = np.clip(scored[np.isfinite(scored)], 1e-6, 1 - 1e-6)
    if len(scored) < MIN_SPOTS:
        return Threshold(0.5, f"0.5 (only {len(scored)} scored spots, a mixture needs {MIN_SPOTS})")
    logit = np.sort(np.log(scored / (1 - scored)))[:, None]
    if len(logit) > MAX_SPOTS:
        logit = logit[np.linspace(0, len(logit) - 1, MAX_SPOTS).round().astype(np.int64)]
    if np.ptp(logit) < 1e-6:
        return Threshold(0.5, "0.5 (all likelihoods are equal)")
    # With a random state of its own: without, it would draw from the caller's random numbers.
    one = GaussianMixture(1, random_state=0).fit(logit)
    # From the tails too: k-means splits a large group and misses a small one.
    starts = [None, *(np.quantile(logit, tails)[:, None] for tails in ((0.05, 0.99), (0.01, 0.95)))]
    fits = [
        GaussianMixture(2, random_state=0, tol=1e-6, max_iter=1000, means_init=start).fit(logit) for start in starts
    ]
    two = max(fits, key=lambda fit: fit.lower_bound_)
    if one.bic(logit) <= two.bic(logit):
        return Threshold(0.5, "0.5 (one component explains the scores as well as two)")
    order = np.argsort(two.means_.ravel())
    means, weights = two.means_.ravel()[order], two.weights_[order]
    sds = np.sqrt(two.covariances_.ravel()[order])
    crossing = _crossing(means, sds, weights)
    method = "gmm" if crossing is not None else "gmm midpoint (the densities do not cross between the means)"
    cut = float(means.mean()) if crossing is None else crossing
    return Threshold(float(1 / (1 + np.exp(-cut))), method, means, sds, weights)


def otsu_cut(likelihood: np.ndarray) -> Threshold:
    """Cut the logits where the variance between the two sides is largest (Otsu 1979)."""
    from skimage.filters import threshold_otsu

    scored = np.asarray(likelihood, dtype=np.float64)
    scored = np.clip(scored[np.isfinite(scored)], 1e-6, 1 - 1e-6)
    logit = np.log(scored / (1 - scored))
    if len(logit) < MIN_SPOTS or np.ptp(logit) < 1e-6:
        return Threshold(0.5, "0.5 (too few scored spots, or all likelihoods are equal)")
    return Threshold(float(1 / (1 + np.exp(-threshold_otsu(logit)))), "otsu")


def check_method(method: str | float) -> None:
    """Raise TypeError or ValueError unless ``method`` is the name of one or a likelihood."""
    if isinstance(method, bool) or not isinstance(method, str | int | float | np.floating):
        raise TypeError(f"The threshold must be one of {METHODS} or a number between 0 and 1, got {method!r}.")
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"threshold={method!r} is not known. Use one of {METHODS} or a number between 0 and 1.")
    elif not 0 < method < 1:
        raise ValueError(f"threshold={method} is no likelihood: it must lie between 0 and 1.")
