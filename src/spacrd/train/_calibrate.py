"""Calibrate likelihoods on training sections that are held out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._checks import warn
from .._hardware import Hardware
from ..features import NetworkInputs
from ..model import Calibration, Recipe, Replicate, centre, further_network, propagated, score_inputs
from ..nn import NetworkConfig, SpaCRDNetwork
from ._prevalence import fit_prevalence
from ._training_set import TrainingSet

MAX_FOLDS = 5
"""Most groups of sections that are held out in turn; up to so many sections are held out one by one."""

PROPAGATION = (0.0, 0.5, 0.7, 0.8)
"""Shares of propagation that are tried."""
AUC_TOLERANCE = 0.01
"""Loss of AUC on held-out sections up to which a larger share is as good as the best; or one standard error."""

MAX_SLOPE = 1e4
"""Largest slope of a calibration; a steeper one only enlarges rounding errors."""


@dataclass(frozen=True)
class HeldOutVotes:
    """Hold votes on the labelled spots of a section that the networks were not trained on.

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
    replicates
        Fits of the folds, for the uncertainty of likelihoods; none without calibration.
    """

    calibration: Calibration
    propagation: float
    replicates: tuple[Replicate, ...] = ()


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


def calibrate(
    data: TrainingSet, network: NetworkConfig, recipe: Recipe, *, seed: int, hardware: Hardware
) -> Calibrated:
    """Fit a logistic curve from out-of-fold votes to labels (Platt scaling), with equal weight for all sections.

    Each held-out section is scored by one network trained on the others with the model's recipe, as a new section
    would be. With one training section the logits are not calibrated, with a warning. Unless the recipe sets it, the
    largest share of propagation is chosen that ranks held-out sections well.
    """
    from ._run import train_network

    shares = PROPAGATION if recipe.propagation is None else (recipe.propagation,)
    held_out: list[dict[float, HeldOutVotes]] = []
    replicates: list[Replicate] = []
    for number, group in enumerate(folds := make_folds(data.inputs)):
        rest = data.without(group)
        trained, _ = train_network(
            further_network(network),
            NetworkInputs.stack(rest.inputs),
            replace(recipe, members=1),
            seed=seed * 1000 + 501 + number,
            hardware=hardware,
            label=f"calibrate {number + 1}/{len(folds)} ",
        )
        prevalence = fit_prevalence(rest.sections, rest.inputs, data.expression, data.image)
        replicates.append(Replicate(trained, prevalence))
        held_out += [_score(trained, data.inputs[i], shares, hardware.device) for i in group]
    held_out = [votes for votes in held_out if len(votes[shares[0]].target)]
    if not any(0 < votes[shares[0]].target.mean() < 1 for votes in held_out):
        warn(
            "The likelihoods are not calibrated: that takes two annotated sections at least, with both classes in one. "
            "They rank spots, but read them as scores, not as probabilities."
        )
        return Calibrated(Calibration(), recipe.propagation or 0.0)
    share = _smoothest({share: _aucs([votes[share] for votes in held_out]) for share in shares})
    calibration = _curve([votes[share] for votes in held_out])
    return Calibrated(calibration, share, tuple(replicates) if calibration.n_sections else ())


def _score(
    network: SpaCRDNetwork, inputs: NetworkInputs, shares: Sequence[float], device: str
) -> dict[float, HeldOutVotes]:
    """Score the labelled spots of a section by a network of other sections, for each share of propagation."""
    plain = score_inputs([network], inputs, batch_size=4096, device=device)
    labelled = np.isfinite(inputs.target) & plain.counted.any(axis=1)
    by_share = {}
    for share in shares:
        scores = propagated(plain, inputs, share)
        # Centred over all spots, labelled or not, as those of a new section are.
        centred = centre(scores.votes, scores.counted)
        by_share[share] = HeldOutVotes(centred[labelled], scores.counted[labelled], inputs.target[labelled])
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
            "The likelihoods are not calibrated: the networks that were to tell hardly tell spots apart. Fit on more "
            "spots, or longer."
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
    """Fit one slope, with an intercept for each section, as each was scored by another network."""
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
