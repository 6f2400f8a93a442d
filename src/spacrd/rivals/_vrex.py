"""Logistic regression whose loss may not differ much between sections (VREx, Krueger et al., ICML 2021)."""

from __future__ import annotations

import numpy as np


def solve_vrex(
    rows: np.ndarray, cancer: np.ndarray, section: np.ndarray, *, C: float, penalty: float
) -> tuple[np.ndarray, float]:
    """Minimise the mean of the sections' losses + ``penalty`` x their variance + a ridge penalty.

    The loss of a section is the mean logistic loss of its spots, both classes weighing the same. One without
    ``penalty`` and with sections of equal size is the balanced logistic regression of the same ``C``.

    Parameters
    ----------
    rows
        (n, width).
    cancer
        (n,) bool.
    section
        Number of the section of each row, (n,).
    C
        Inverse of the ridge penalty, as in scikit-learn: the penalty is ``|w|^2 / (2 C n)``.
    penalty
        Weight of the variance.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    sign = np.where(cancer, 1.0, -1.0)
    groups = [section == number for number in np.unique(section)]
    share = np.stack([_weights(cancer, group) for group in groups])  # (sections, n), each row sums to 1
    ridge = 1.0 / (C * len(rows))

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercept = flat[:-1], flat[-1]
        margin = sign * (rows @ weights + intercept)
        losses = share @ np.logaddexp(0.0, -margin)
        value = losses.mean() + penalty * losses.var() + 0.5 * ridge * weights @ weights
        slope = (1.0 + 2.0 * penalty * (losses - losses.mean())) / len(losses)
        by_row = -sign * expit(-margin) * (slope @ share)
        return float(value), np.append(rows.T @ by_row + ridge * weights, by_row.sum())

    found = minimize(objective, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x[:-1], float(found.x[-1])


def _weights(cancer: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Weights of the rows of one section: classes weigh the same, and sum to 1 together."""
    weights = np.zeros(len(cancer))
    classes = [group & (cancer == value) for value in (False, True)]
    present = [rows for rows in classes if rows.any()]
    for rows in present:
        weights[rows] = 1.0 / (rows.sum() * len(present))
    return weights
