"""Choose the ridge of the discriminant of expression on held-out sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..features import NetworkInputs
from ..model import Voters, propagate
from ._voters import Run

USUAL_GENES = 3000
"""Number of genes for which the ridge was set."""


def ridge_factors(n_genes: int) -> tuple[float, ...]:
    """Return the factors of the ridge to try.

    The ridge is a share of the total variance, or, of fewer genes than usual, as large for each gene as that of the
    usual number.
    """
    return (1.0, USUAL_GENES / n_genes) if n_genes < USUAL_GENES else (1.0,)


def multiply_ridge(voters: Voters, names: Sequence[str], factor: float) -> Voters:
    """Multiply the ridge of the discriminant of expression; ``names`` are the modalities of the discriminants."""
    pairs = zip(names, voters.discriminants, strict=True)
    changed = (
        replace(found, ridge=np.asarray(found.ridge * factor, np.float32)) if name == "expression" else found
        for name, found in pairs
    )
    return replace(voters, discriminants=tuple(changed))


def choose_ridge(held_out: Sequence[tuple[Voters, NetworkInputs]], run: Run, share: float) -> float:
    """Choose the factor of the ridge that ranks held-out sections best, by the mean AUC of expression.

    ``held_out`` are sections, each with a fit on others; ``share`` is that of propagation.
    """
    if "expression" not in run.discriminants:
        return 1.0
    place = run.discriminants.index("expression")
    factors = ridge_factors(held_out[0][1].features["expression"].width) if held_out else (1.0,)
    if len(factors) == 1:
        return 1.0
    aucs = {
        factor: [
            _auc(multiply_ridge(voters, run.discriminants, factor), place, inputs, share) for voters, inputs in held_out
        ]
        for factor in factors
    }
    usable = np.isfinite(aucs[1.0])
    return max(factors, key=lambda factor: float(np.mean(np.asarray(aucs[factor])[usable]))) if usable.any() else 1.0


def _auc(voters: Voters, place: int, inputs: NetworkInputs, share: float) -> float:
    """Compute the AUC of a discriminant on one section; NaN without labels of both classes."""
    from sklearn.metrics import roc_auc_score

    features = inputs.features["expression"]
    labelled = np.isfinite(inputs.target) & features.valid
    if len(np.unique(inputs.target[labelled])) < 2:
        return float("nan")
    vote = voters.discriminants[place].score(features)
    spread = propagate(vote, inputs.graph, features.valid, share)
    return float(roc_auc_score(inputs.target[labelled], spread[labelled]))
