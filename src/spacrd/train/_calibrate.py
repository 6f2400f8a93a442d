"""Calibrate likelihoods on training sections that are held out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._checks import warn
from ..features import NetworkInputs
from ..model import Calibration, Presence, Voters, centre, propagated, score_voters
from ._presence import held_out_presence
from ._prevalence import LabelledSpots, fit_prevalence
from ._ridge import choose_ridge, multiply_ridge
from ._training_set import TrainingSet
from ._voters import Run, fit_voters

MAX_FOLDS = 5
"""Most groups of sections that are held out in turn; up to so many sections are held out one by one."""

PROPAGATION = (0.0, 0.5, 0.8, 0.9)
"""Shares of propagation that are tried."""
UNKNOWN_PROPAGATION = 0.9
"""Share where no section could be held out to choose it on: what every fit on sections of her2st chooses."""
AUC_TOLERANCE = 0.01
"""Loss of AUC on held-out sections up to which a larger share is as good as the best; or one standard error."""

MAX_SLOPE = 1e4
"""Largest slope of a calibration; a steeper one only enlarges rounding errors."""


@dataclass(frozen=True)
class HeldOutVotes:
    """Hold votes on the labelled spots of a section that was held out from the fit.

    Attributes
    ----------
    votes, counted
        Votes, centred over the section, and whether they count, (n, h).
    target
        1 cancer, 0 not, (n,).
    """

    votes: np.ndarray
    counted: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Calibrated:
    """Hold what calibration adds to a model.

    Attributes
    ----------
    calibration
        Turns votes into logits; the identity if there is nothing to calibrate on.
    propagation
        Share of a spot's score that comes from its neighbours' scores.
    ridge
        Factor of the ridge of expression.
    presence
        Bounds for the verdict; None if too few sections could be held out.
    """

    calibration: Calibration
    propagation: float
    ridge: float = 1.0
    presence: Presence | None = None


def make_folds(inputs: Sequence[NetworkInputs]) -> list[np.ndarray]:
    """Group the sections to hold out; leave out groups without labels, or without which a class is missing."""
    groups = [np.asarray(group) for group in np.array_split(np.arange(len(inputs)), min(len(inputs), MAX_FOLDS))]
    usable = []
    for group in groups:
        rest = np.concatenate([section.target for i, section in enumerate(inputs) if i not in group] or [np.empty(0)])
        held_out = np.concatenate([inputs[i].target for i in group])
        if (rest == 1).any() and (rest == 0).any() and np.isfinite(held_out).any():
            usable.append(group)
    return usable


def calibrate(data: TrainingSet, run: Run, spots: Sequence[LabelledSpots]) -> Calibrated:
    """Fit a logistic curve from out-of-fold votes to labels (Platt scaling), with equal weight for all sections.

    Each held-out section is scored by a fit on the others with the model's recipe, as a new section would be. With one
    training section the logits are not calibrated, with a warning. Unless the recipe sets it, the largest share of
    propagation is chosen that ranks held-out sections well, after the ridge, see :func:`choose_ridge`. The held-out
    sections also give the bounds for the verdict, see :class:`spacrd.model.Presence`.
    """
    given = run.recipe.propagation
    shares = PROPAGATION if given is None else (given,)
    fits: list[tuple[Voters, NetworkInputs]] = []
    presence: list[tuple[float, float]] = []
    for number, group in enumerate(folds := make_folds(data.inputs)):
        rest = data.without(group)
        voters, _ = fit_voters(rest, run.without(number), label=f"calibrate {number + 1}/{len(folds)} ")
        prevalence = fit_prevalence([x for i, x in enumerate(spots) if i not in group], *data.widths)
        presence += [held_out_presence(data.sections[i], prevalence, data, run) for i in group]
        fits += [(voters, data.inputs[i]) for i in group]
    ridge = choose_ridge(fits, run, UNKNOWN_PROPAGATION if given is None else given)
    held_out = [
        _score(multiply_ridge(voters, run.discriminants, ridge), inputs, run, shares) for voters, inputs in fits
    ]
    held_out = [votes for votes in held_out if len(votes[shares[0]].target)]
    if not any(0 < votes[shares[0]].target.mean() < 1 for votes in held_out):
        warn(
            "The likelihoods are not calibrated: that takes two annotated sections at least, with both classes in one. "
            "They rank spots, but read them as scores, not as probabilities."
        )
        return uncalibrated(run)
    share = _smoothest({share: _aucs([votes[share] for votes in held_out]) for share in shares})
    calibration = _curve([votes[share] for votes in held_out])
    without, small = zip(*presence, strict=True)
    return Calibrated(calibration, share, ridge, Presence.of(without, small) if calibration.n_sections else None)


def uncalibrated(run: Run) -> Calibrated:
    """Return what a model has without sections to hold out."""
    given = run.recipe.propagation
    return Calibrated(Calibration(), UNKNOWN_PROPAGATION if given is None else given)


def _score(voters: Voters, inputs: NetworkInputs, run: Run, shares: Sequence[float]) -> dict[float, HeldOutVotes]:
    """Score the labelled spots of a section by a fit on other sections, for each share of propagation."""
    plain = score_voters(voters, inputs, run.discriminants, device=run.hardware.device)
    labelled = np.isfinite(inputs.target) & plain.counted.any(axis=1)
    by_share = {}
    for share in shares:
        # Centred over all spots, labelled or not, as those of a new section are.
        centred = centre(propagated(plain, inputs, share).votes, plain.counted)
        by_share[share] = HeldOutVotes(centred[labelled], plain.counted[labelled], inputs.target[labelled])
    return by_share


def _smoothest(aucs: dict[float, np.ndarray]) -> float:
    """Choose the largest share that ranks the sections as well as the best, within one standard error."""
    best = max(aucs.values(), key=np.mean)
    losses = {share: best - of_sections for share, of_sections in aucs.items()}
    return max(
        share
        for share, loss in losses.items()
        if loss.mean() <= max(AUC_TOLERANCE, loss.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else 0.0)
    )


def _aucs(held_out: Sequence[HeldOutVotes]) -> np.ndarray:
    """Compute the AUC of each section with both classes."""
    from sklearn.metrics import roc_auc_score

    both = [section for section in held_out if 0 < section.target.mean() < 1]
    scales = _scales(both)
    return np.array([roc_auc_score(s.target, scales.contrast(s.votes, s.counted)) for s in both])


def _curve(held_out: list[HeldOutVotes]) -> Calibration:
    """Fit the calibration; the identity, with a warning, if the slope is not sensible."""
    scales = _scales(held_out)
    slope = _slope([scales.contrast(s.votes, s.counted) for s in held_out], [s.target for s in held_out])
    if slope <= 0:
        warn(
            "The training sections contradict each other: scored by a model of the others, spots annotated as positive "
            "get no higher likelihood than the rest. The likelihoods are not calibrated, and hardly to be trusted."
        )
        return Calibration()
    if slope > MAX_SLOPE:
        warn(
            "The likelihoods are not calibrated: fitted without one training section, the model hardly tells its spots "
            "apart. Fit on more spots."
        )
        return Calibration()
    return replace(scales, slope=slope, n_sections=len(held_out))


def _scales(held_out: Sequence[HeldOutVotes]) -> Calibration:
    """Scale each vote by the inverse of its mean spread, so that all votes weigh the same."""
    spreads = [
        [vote[counts].std() if counts.any() else np.nan for vote, counts in zip(s.votes.T, s.counted.T, strict=True)]
        for s in held_out
    ]
    n_sections = (~np.isnan(spreads)).sum(axis=0)
    spread = np.nansum(spreads, axis=0) / np.maximum(n_sections, 1)
    scales = tuple(float(1 / value) if value > 1e-9 else 1.0 for value in spread)
    return Calibration(scales=scales)


def _slope(contrasts: list[np.ndarray], targets: list[np.ndarray]) -> float:
    """Fit one slope, with an intercept for each section, as each was scored by another fit."""
    from sklearn.linear_model import LogisticRegression

    both = [i for i, target in enumerate(targets) if 0 < target.mean() < 1]
    spread = float(np.mean([contrasts[i].std() for i in both])) or 1.0
    section = np.repeat(np.arange(len(both)), [len(targets[i]) for i in both])
    design = np.column_stack(
        [
            np.concatenate([contrasts[i] - contrasts[i].mean() for i in both]) / spread,
            section[:, None] == np.arange(len(both)),
        ]
    )
    weight = np.concatenate([np.full(len(targets[i]), 1 / len(targets[i])) for i in both])
    curve = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000).fit(
        design, np.concatenate([targets[i] for i in both]), sample_weight=weight * len(weight) / weight.sum()
    )
    return float(curve.coef_[0, 0]) / spread
