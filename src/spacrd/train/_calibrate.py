"""Turn votes into probabilities, by training sections that the calibrating networks have not seen."""

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
"""Sections are held out one by one, or in so many groups if there are more."""

PROPAGATION = (0.0, 0.5, 0.7, 0.8)
"""Shares of propagation that are tried."""
AUC_TOLERANCE = 0.01
"""The largest share is taken that ranks held-out sections as well as the best: within this, or one standard error."""

MAX_SLOPE = 1e4
"""Beyond it a curve stretches rounding errors."""


@dataclass(frozen=True)
class HeldOutVotes:
    """Votes of a model of other sections on the labelled spots of a section.

    Attributes
    ----------
    votes, counted
        Centred votes and whether they count, (n, h).
    target
        1 cancer, 0 not.
    """

    votes: np.ndarray
    counted: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Calibrated:
    """How a model's votes become likelihoods.

    Attributes
    ----------
    calibration
        From votes to logits; the identity if there is nothing to calibrate on.
    propagation
        Share of a spot's score that comes from its neighbours' scores.
    replicates
        Models of the folds, which tell the standard error of a likelihood; none without calibration.
    """

    calibration: Calibration
    propagation: float
    replicates: tuple[Replicate, ...] = ()


def make_folds(inputs: Sequence[NetworkInputs]) -> list[np.ndarray]:
    """Group the sections to hold out; a group is left out unless the others have both classes."""
    groups = [np.asarray(group) for group in np.array_split(np.arange(len(inputs)), min(len(inputs), MAX_FOLDS))]
    usable = []
    for group in groups:
        rest = np.concatenate([one.target for i, one in enumerate(inputs) if i not in group] or [np.empty(0)])
        held_out = np.concatenate([inputs[i].target for i in group])
        if (rest == 1).any() and (rest == 0).any() and np.isfinite(held_out).any():
            usable.append(group)
    return usable


def calibrate(
    data: TrainingSet, network: NetworkConfig, recipe: Recipe, *, seed: int, hardware: Hardware
) -> Calibrated:
    """Fit a logistic curve from out-of-fold votes to labels (Platt scaling), sections weighing the same.

    Each held-out section is scored by one network trained on the others with the model's own recipe, so that the
    curve sees votes of the kind that a new section gets. With one training section there is nothing to hold out:
    the logits stay as they are, and a warning says so. Unless the recipe sets it, the largest share of propagation is
    taken with which held-out sections are still ranked well.

    Parameters
    ----------
    data
        Training sections.
    network, recipe, seed, hardware
        As for the model itself.
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
    """Largest share that ranks the sections no worse than the best one does, by the rule of one standard error."""
    best = max(aucs.values(), key=np.mean)
    losses = {share: best - own for share, own in aucs.items()}
    return max(
        share
        for share, loss in losses.items()
        if loss.mean() <= max(AUC_TOLERANCE, loss.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else 0.0)
    )


def _aucs(held_out: Sequence[HeldOutVotes]) -> np.ndarray:
    """How well the sections with both classes are ranked, each by itself."""
    from sklearn.metrics import roc_auc_score

    held = [h for h in held_out if 0 < h.target.mean() < 1]
    scales = _scales(held)
    return np.array([roc_auc_score(h.target, scales.contrast(h.votes, h.counted)) for h in held])


def _curve(held_out: list[HeldOutVotes]) -> Calibration:
    """Scales of the votes, and slope."""
    plain = _scales(held_out)
    slope = _slope([plain.contrast(h.votes, h.counted) for h in held_out], [h.target for h in held_out])
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
    return replace(plain, slope=slope, n_sections=len(held_out))


def _scales(held_out: Sequence[HeldOutVotes]) -> Calibration:
    """Calibration whose votes weigh the same: what each is multiplied with is one over its usual spread."""
    spreads = [
        [vote[there].std() if there.any() else np.nan for vote, there in zip(h.votes.T, h.counted.T, strict=True)]
        for h in held_out
    ]
    known = ~np.isnan(spreads)
    spread = np.nansum(spreads, axis=0) / np.maximum(known.sum(axis=0), 1)
    scales = tuple(float(1 / value) if value > 1e-9 else 1.0 for value in spread)
    return Calibration(scales=scales)


def _slope(contrasts: list[np.ndarray], targets: list[np.ndarray]) -> float:
    """Slope within sections: each has an intercept of its own, since it was scored by a network of other sections."""
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
