"""Votes to probabilities, from training sections that the calibrating networks have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch.nn import Module

from .._checks import warn
from .._hardware import Hardware
from ..features import ExpressionContract, ImageContract, NetworkInputs, SectionArrays
from ..model import Calibration, Recipe
from ..model._calibration import centre
from ..model._infer import propagated, score_arrays
from ..model._modules import further_network
from ..nn import NetworkConfig, SpaCRDNetwork
from ._prevalence import fit_level

MAX_FOLDS = 5
"""Sections are held out one by one, or in so many groups if there are more."""

PROPAGATION = (0.0, 0.5, 0.7, 0.8)
"""Shares of propagation that are tried."""
AUC_TOLERANCE = 0.01
"""The largest share is taken that ranks held-out sections as well as the best: within this, or one standard error."""

MAX_SLOPE = 1e4
"""Beyond it a curve stretches rounding errors."""


@dataclass(frozen=True)
class HeldOut:
    """What a model of other sections says of a section's labelled spots.

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


def _folds(parts: Sequence[NetworkInputs]) -> list[np.ndarray]:
    """Groups of sections to hold out, those only that leave both classes to train on."""
    groups = [np.asarray(group) for group in np.array_split(np.arange(len(parts)), min(len(parts), MAX_FOLDS))]
    usable = []
    for group in groups:
        rest = np.concatenate([part.target for i, part in enumerate(parts) if i not in group] or [np.empty(0)])
        held = np.concatenate([parts[i].target for i in group])
        if (rest == 1).any() and (rest == 0).any() and np.isfinite(held).any():
            usable.append(group)
    return usable


def calibrate(
    sections: Sequence[SectionArrays],
    parts: Sequence[NetworkInputs],
    expression: ExpressionContract | None,
    image: ImageContract | None,
    network: NetworkConfig,
    plan: Recipe,
    *,
    seed: int,
    hardware: Hardware,
) -> tuple[Calibration, float, dict[str, Module]]:
    """Fit a logistic curve from out-of-fold votes to labels (Platt scaling), sections weighing the same.

    Each held-out section is scored by one network trained on the others with the model's own recipe, so that the
    curve sees votes of the kind that a new section gets. With one training section there is nothing to hold out:
    the logits stay as they are, and a warning says so.

    Parameters
    ----------
    sections, parts
        Training sections, as read and as the network reads them.
    expression, image, network, plan, seed, hardware
        As for the model itself.

    Returns
    -------
    The calibration; how much of a score comes from the neighbours: unless the recipe sets it, the most with which
    held-out sections are still ranked well; and the networks and levels of the folds, which tell how sure a likelihood
    is: none if there is no calibration.
    """
    from . import train_network

    shares = PROPAGATION if plan.propagation is None else (plan.propagation,)
    held_out: list[dict[float, HeldOut]] = []
    modules: dict[str, Module] = {}
    for number, group in enumerate(folds := _folds(parts)):
        rest = [i for i in range(len(parts)) if i not in group]
        trained, _ = train_network(
            further_network(network),
            NetworkInputs.stack([parts[i] for i in rest]),
            replace(plan, members=1),
            seed=seed * 1000 + 501 + number,
            hardware=hardware,
            label=f"calibrate {number + 1}/{len(folds)} ",
        )
        level = fit_level([sections[i] for i in rest], [parts[i] for i in rest], expression, image)
        modules |= {f"jackknife.{number}": trained, f"jackknife.{number}.level": level}
        held_out += [_score(trained, parts[i], shares, hardware.device) for i in group]
    held_out = [held for held in held_out if len(held[shares[0]].target)]
    if not any(0 < held[shares[0]].target.mean() < 1 for held in held_out):
        warn(
            "The likelihoods are not calibrated: that takes two annotated sections at least, with both classes in one. "
            "They rank spots, but read them as scores, not as probabilities."
        )
        return Calibration(), plan.propagation or 0.0, {}
    chosen = _smoothest({share: _aucs([held[share] for held in held_out]) for share in shares})
    found = _curve([held[chosen] for held in held_out])
    return found, chosen, modules if found.n_sections else {}


def _score(network: SpaCRDNetwork, part: NetworkInputs, shares: Sequence[float], device: str) -> dict[float, HeldOut]:
    """A section as a network of others sees it, for every share of propagation."""
    plain = score_arrays([network], part, batch_size=4096, device=device)
    labelled = np.isfinite(part.target) & plain.counted.any(axis=1)
    found = {}
    for share in shares:
        scores = propagated(plain, part, share)
        # Centred over all spots, labelled or not, as those of a new section are.
        centred = centre(scores.votes, scores.counted)
        found[share] = HeldOut(centred[labelled], scores.counted[labelled], part.target[labelled])
    return found


def _smoothest(aucs: dict[float, np.ndarray]) -> float:
    """Largest share that ranks the sections no worse than the best one does, by the rule of one standard error."""
    best = max(aucs.values(), key=np.mean)
    losses = {share: best - own for share, own in aucs.items()}
    return max(
        share
        for share, loss in losses.items()
        if loss.mean() <= max(AUC_TOLERANCE, loss.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else 0.0)
    )


def _aucs(held_out: Sequence[HeldOut]) -> np.ndarray:
    """How well the sections with both classes are ranked, each by itself."""
    from sklearn.metrics import roc_auc_score

    held = [h for h in held_out if 0 < h.target.mean() < 1]
    scales = _scales(held)
    return np.array([roc_auc_score(h.target, scales.contrast(h.votes, h.counted)) for h in held])


def _curve(held_out: list[HeldOut]) -> Calibration:
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


def _scales(held_out: Sequence[HeldOut]) -> Calibration:
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
