"""Adapt the scores of a section to some annotated spots of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from .._keys import TUMOUR
from ._level import LEAST_SHARE, Level, offset_to
from ._prediction import Prediction
from ._verdict import LABELLED

N_COMPONENTS = 10
"""Principal components of the latent code along which spots are moved."""
SLOPE_SPREAD = 0.3
"""Prior standard deviation of the slope around that of the calibration."""
COMPONENT_SPREAD = 1.0
"""Prior standard deviation of the weight of a component, of which the first has a standard deviation of 1."""
UNCALIBRATED_SCALE = 2.0
"""Standard deviation of the contrast, and of the priors of level and half the slope, without a calibration."""
LEAST_SPREAD = 0.1
"""Smallest standard deviation of the logit of the share: annotations err, too."""


def adapt_to(prediction: Prediction, target: np.ndarray) -> Prediction:
    """Adapt a prediction to the labelled spots of its section.

    The logit of a spot is a level, plus the contrast times a slope, plus a linear function of the leading principal
    components of the latent code. These are fitted to the labels by penalised logistic regression: the level around
    what was known of it, the slope around 1, the other weights around 0. The share of cancer is that of the fit,
    its spread comes from the curvature (Laplace's approximation).

    Parameters
    ----------
    prediction
        What the model says without labels.
    target
        1 cancer, 0 not, NaN unlabelled, (n,).

    Returns
    -------
    The prediction with new contrast, likelihood, uncertainty and level, and the verdict ``"tumour"`` if a spot is
    labelled as cancer. The same prediction if no scored spot is labelled.
    """
    labelled = np.isfinite(target) & np.isfinite(prediction.contrast)
    if not labelled.any():
        return prediction
    design, mean, spread = _design(prediction)
    weight, covariance = _fit(design[labelled], target[labelled], mean, spread)
    contrast = design @ weight
    scored = np.isfinite(contrast)
    probability = expit(contrast[scored])
    share = float(np.clip(probability.mean(), LEAST_SHARE / 2, 1 - LEAST_SHARE / 2))
    gradient = (probability * (1 - probability)) @ design[scored] / len(probability) / (share * (1 - share))
    level = Level(share, max(LEAST_SPREAD, float(np.sqrt(gradient @ covariance @ gradient))))
    likelihood, uncertainty = level.likelihoods(contrast)
    has_tumour = bool((target[labelled] == 1).any())
    return replace(
        prediction,
        contrast=contrast,
        likelihood=likelihood.astype(np.float32),
        logit=logit(likelihood),
        uncertainty=uncertainty.astype(np.float32),
        level=level,
        verdict=TUMOUR if has_tumour else prediction.verdict,
        verdict_reason=LABELLED if has_tumour else prediction.verdict_reason,
        n_labelled=int(labelled.sum()),
    )


def _design(prediction: Prediction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns level, contrast and components (n, k), and prior means and spreads of their weights (k,)."""
    contrast = prediction.contrast
    scored = np.isfinite(contrast)
    centre, scale = contrast[scored].mean(), float(contrast[scored].std()) or 1.0
    components = _components(prediction.latent, scored)
    spread = np.full(2 + components.shape[1], COMPONENT_SPREAD)
    mean = np.zeros(len(spread))
    if np.isfinite(prediction.level.share):
        offsets = np.array([offset_to(contrast, share) for share in prediction.level.shares()])
        mean[:2], spread[:2], factor = (offsets.mean() + centre, 1.0), (offsets.std(), SLOPE_SPREAD), 1.0
    else:
        mean[1], factor = 1.0, UNCALIBRATED_SCALE / scale
        spread[:2] = UNCALIBRATED_SCALE, UNCALIBRATED_SCALE / 2
    return np.column_stack([np.ones(len(contrast)), (contrast - centre) * factor, components]), mean, spread


def _components(latent: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Compute scores on the leading principal components, the first with a standard deviation of 1, (n, k)."""
    usable = scored & np.isfinite(latent).all(axis=1)
    values = latent.astype(np.float64) - latent[usable].mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(values[usable].T @ values[usable] / max(1, usable.sum()))
    leading = np.argsort(-variances)[:N_COMPONENTS]
    leading = leading[variances[leading] > 1e-6 * variances[leading].max(initial=0.0)]
    if not len(leading):
        return np.empty((len(latent), 0))
    return np.where(usable[:, None], values @ axes[:, leading] / np.sqrt(variances[leading[0]]), 0.0)


def _fit(design: np.ndarray, target: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic regression with a normal prior; return weights and their covariance."""
    from scipy.optimize import minimize

    precision = 1 / np.square(spread)

    def loss(weight: np.ndarray) -> float:
        logits = design @ weight
        return float(np.sum(np.logaddexp(0, logits) - target * logits) + 0.5 * precision @ np.square(weight - mean))

    def gradient(weight: np.ndarray) -> np.ndarray:
        return np.asarray(design.T @ (expit(design @ weight) - target) + precision * (weight - mean))

    def curvature(weight: np.ndarray) -> np.ndarray:
        probability = expit(design @ weight)
        return np.asarray((design * (probability * (1 - probability))[:, None]).T @ design + np.diag(precision))

    weight = minimize(loss, mean, jac=gradient, hess=curvature, method="trust-exact").x
    return weight, np.linalg.inv(curvature(weight))
