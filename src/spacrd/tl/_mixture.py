"""Label-free threshold of the likelihoods of one section (paper 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MIN_SPOTS = 20
"""With fewer scored spots a mixture is not fitted."""
BOUNDS = (0.2, 0.8)
"""Likelihoods between which a mixture may cut: it splits scores, and does not know what they mean."""
MAX_SPOTS = 20_000
"""Of more spots than these, evenly spaced order statistics stand for all."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and how it came to be.

    Attributes
    ----------
    threshold
        Likelihood from which a spot is called cancer.
    method
        In words, with the fallback that was taken, if any.
    means, sds, weights
        The two components on the logit scale, lower mean first; empty without a mixture.
    """

    threshold: float
    method: str
    means: np.ndarray = field(default_factory=lambda: np.empty(0))
    sds: np.ndarray = field(default_factory=lambda: np.empty(0))
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))


def _crossing(means: np.ndarray, sds: np.ndarray, weights: np.ndarray) -> float | None:
    """Where the two weighted densities are equal between the means, or None."""
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

    The mixture is fitted on the logit scale, where a classifier's scores are closer to Gaussian and are not
    bounded. One Gaussian that explains the scores as well (by BIC) means there are not two groups to tell apart:
    the cut is then a likelihood of 0.5, and the method says so. Densities that do not cross between the means
    are cut half way between them. A cut outside :data:`BOUNDS` is held there: two groups of normal spots can look
    like two groups too, and no spot with a likelihood of 0.05 should be called cancer.

    Parameters
    ----------
    likelihood
        (n,) probabilities; NaN are left out.
    """
    from sklearn.mixture import GaussianMixture

    kept = np.asarray(likelihood, dtype=np.float64)
    kept = np.clip(kept[np.isfinite(kept)], 1e-6, 1 - 1e-6)
    if len(kept) < MIN_SPOTS:
        return Threshold(0.5, f"0.5 (only {len(kept)} scored spots, a mixture needs {MIN_SPOTS})")
    logit = np.sort(np.log(kept / (1 - kept)))[:, None]
    if len(logit) > MAX_SPOTS:  # evenly spaced order statistics: quick at a million cells, whatever their order
        logit = logit[np.linspace(0, len(logit) - 1, MAX_SPOTS).round().astype(np.int64)]
    if np.ptp(logit) < 1e-6:
        return Threshold(0.5, "0.5 (all likelihoods are equal)")
    one = GaussianMixture(1, random_state=0).fit(logit)  # else it draws from the caller's random numbers
    # Started from the tails too: k-means alone halves a large group and overlooks a small one.
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
    found = float(1 / (1 + np.exp(-cut)))
    held = float(np.clip(found, *BOUNDS))
    if held != found:
        method += f", held at {held} (the mixture cuts at {found:.2g})"
    return Threshold(held, method, means, sds, weights)


def find_threshold(likelihood: np.ndarray, method: str | float) -> Threshold:
    """Threshold by name, or the user's own number."""
    if isinstance(method, bool) or not isinstance(method, str | int | float):
        raise TypeError(f"The threshold must be 'gmm' or a number between 0 and 1, got {method!r}.")
    if isinstance(method, str):
        if method != "gmm":
            raise ValueError(f"threshold={method!r} is not known. Use 'gmm' or a number between 0 and 1.")
        return mixture_cut(likelihood)
    if not 0 < method < 1:
        raise ValueError(f"threshold={method} is no likelihood: it must lie between 0 and 1.")
    return Threshold(float(method), "given")
