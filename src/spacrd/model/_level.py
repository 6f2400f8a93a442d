"""The share of cancer in a section as a distribution, and likelihoods over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtri

from ._calibration import bounded

LEAST_SHARE = 0.02
"""Smallest expected share of cancer, and one minus the largest: few training sections cannot rule out the rest."""
SPREAD = 0.9
"""Standard deviation of the logit of the share; that of the errors on held-out sections is about as large."""
KNOWN_SPREAD = 0.3
"""The same where the user knows the share: "about a third" is a quarter to two fifths."""
N_SCENARIOS = 15
"""Quantiles that stand for the distribution."""
QUANTILE = float(ndtri(0.9))
"""Standard deviations to either end of an interval of 80 %."""
MAX_SPOTS = 20_000
"""Most spots, evenly spaced in order of their logits, from which a level is computed."""


@dataclass(frozen=True)
class Level:
    """Describe what is known of the share of cancer in a section: a normal distribution of its logit.

    Attributes
    ----------
    share
        Median of the share; NaN if nothing is known.
    spread
        Standard deviation of the logit.

    Examples
    --------
    >>> import spacrd
    >>> low, high = spacrd.model.Level(share=0.5).interval
    >>> round(low, 2), round(high, 2)
    (0.24, 0.76)
    """

    share: float = float("nan")
    spread: float = SPREAD

    @classmethod
    def of(cls, estimates: Sequence[float]) -> Level:
        """Make a level around the median, in logits, of several estimates of the share; NaN are left out."""
        finite = np.asarray([share for share in estimates if np.isfinite(share)])
        if not len(finite):
            return cls()
        return cls(float(expit(np.median(logit(np.clip(finite, LEAST_SHARE, 1 - LEAST_SHARE))))))

    def likelihoods(self, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average the likelihoods over the scenarios; return means and half the widths of intervals of 80 %, (n,)."""
        scenarios = expit(bounded(self.scenarios(contrast)))
        width = np.diff(np.quantile(scenarios, [0.1, 0.9], axis=1), axis=0)[0]
        return scenarios.mean(axis=1), 0.5 * width

    @property
    def interval(self) -> tuple[float, float]:
        """Return an interval of 80 % for the share."""
        low, high = expit(logit(self.share) + self.spread * QUANTILE * np.array([-1.0, 1.0]))
        return float(low), float(high)

    def shares(self) -> np.ndarray:
        """Return shares that stand for the distribution, (15,): evenly spaced quantiles."""
        quantile = (np.arange(N_SCENARIOS) + 0.5) / N_SCENARIOS
        return np.asarray(expit(logit(self.share) + self.spread * ndtri(quantile)))

    def scenarios(self, contrast: np.ndarray) -> np.ndarray:
        """Compute the logits of the spots for each of the shares, (n, 15): their mean likelihood is that share.

        ``contrast`` (n,) are logits up to a constant, NaN for spots without any.
        """
        return np.column_stack([contrast + offset_to(contrast, share) for share in self.shares()])


def section_level(
    known: float | None, estimated: float, usual: float | None, latent: np.ndarray, contrast: np.ndarray
) -> Level:
    """Make the level of a section: around a known share, or around the median of the estimates.

    These are that of the prevalence classifier and, unless ``usual`` is None as in a section without tumour, the share
    of two groups and the usual one of the training sections.
    """
    if known is not None:
        return Level(known, KNOWN_SPREAD)
    return Level.of([estimated] if usual is None else [estimated, share_of_two_groups(latent, contrast), usual])


def check_share(share: float | None, *, calibrated: bool) -> None:
    """Raise TypeError or ValueError unless a share of cancer is None, or between 0 and 1 and of use to the model."""
    if share is None:
        return
    if isinstance(share, bool) or not isinstance(share, int | float | np.number):
        raise TypeError(f"expected_share must be a number between 0 and 1, got {share!r}.")
    if not 0 < share < 1:
        raise ValueError(f"expected_share must be between 0 and 1, got {share}.")
    if not calibrated:
        raise ValueError(
            "expected_share needs a calibrated model, which takes two annotated training sections. Leave it out, or "
            "choose a likelihood as `threshold`."
        )


def offset_to(contrast: np.ndarray, share: float) -> float:
    """Find the constant that, added to logits, makes their mean likelihood ``share``."""
    from scipy.optimize import brentq

    scored = np.sort(contrast[np.isfinite(contrast)])
    if not len(scored):
        return 0.0
    if len(scored) > MAX_SPOTS:
        scored = scored[np.linspace(0, len(scored) - 1, MAX_SPOTS).round().astype(np.int64)]
    bound = 50 + float(np.abs(scored).max())
    return float(brentq(lambda offset: expit(scored + offset).mean() - share, -bound, bound))


def share_of_two_groups(latent: np.ndarray, contrast: np.ndarray) -> float:
    """Estimate the share of cancer as that of the group of higher contrast, of two groups in the latent code.

    k-means on the leading components, started from the quarters of highest and lowest contrast. NaN for few spots, or
    if all are the same.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    order = np.argsort(contrast, kind="stable")
    order = order[np.isfinite(contrast[order]) & np.isfinite(latent[order]).all(axis=1)]
    if len(order) > MAX_SPOTS:
        order = order[np.linspace(0, len(order) - 1, MAX_SPOTS).round().astype(np.int64)]
    if len(order) < 20 or not latent.shape[1]:
        return float("nan")
    values = latent[order].astype(np.float64)
    if not np.ptp(values, axis=0).any():
        return float("nan")
    values = PCA(min(10, *values.shape), random_state=0).fit_transform(values)
    quarter = len(order) // 4
    start = np.stack([values[:quarter].mean(axis=0), values[-quarter:].mean(axis=0)])
    group = KMeans(2, init=start, n_init=1, random_state=0).fit_predict(values)
    contrasts = contrast[order]
    higher = int(contrasts[group == 1].mean() > contrasts[group == 0].mean()) if 0 < group.mean() < 1 else 1
    return float((group == higher).mean())
