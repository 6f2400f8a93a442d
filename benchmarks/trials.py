"""Ideas for the default recipe that no setting of a recipe covers, tried against the same folds.

    python -m benchmarks.trials                       # every trial, seed 0
    python -m benchmarks.trials --trials "votes: *" --seeds 0 1 2 --jobs 2

Sections and bases are those of ``recipe.py``: expression alone, A1 B1 C1 E1 G2 with pathologist's labels. What changes
the contrastive stage needs images: ``aligned`` trials leave one patient out over A1, B4, C2 and C3, the last three
with PROXY labels, and read both modalities by attention. None has helped enough to become a setting of the package,
so they live here. Rows are added to ``benchmarks/results/trials.csv``.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from unittest.mock import patch

import numpy as np
import pandas as pd
from benchmarks.recipe import DEFAULT, NETWORK, network
from benchmarks.sections import HERE, IMAGE_REP, PROTOCOLS, section
from benchmarks.trial_ideas import Distant, Fold, Positioned, coral, ranks, ring, target_statistics, thinned
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd._hardware import Hardware
from spacrd._sections import split_sections
from spacrd.features._arrays import NetworkInputs, prepare
from spacrd.features._section import SectionArrays
from spacrd.model import Recipe
from spacrd.model._infer import propagated, score_arrays
from spacrd.nn import SpaCRDNetwork
from spacrd.tl._fit import _network
from spacrd.tl._read import read_section, read_target
from spacrd.train import _run, train_network
from spacrd.train._contracts import expression_contract, image_contract
from spacrd.train._stages import AlignmentStage

FOUND = HERE / "results" / "trials.csv"
VOTES = replace(network(DEFAULT, fused=False), members=1)
ALIGNED = replace(NETWORK, alignment_epochs=100, modality_dropout=0.3)
STEPS = (20, 45, 90, 200)


@dataclass(frozen=True)
class Trial:
    """What differs from the base.

    Attributes
    ----------
    base
        Recipe.
    before
        Changes the arrays of a fold.
    network
        Class of the network.
    stage
        Class of the contrastive stage, and whether it sees neighbourhoods.
    after
        Changes a trained network, given the held-out section without its labels.
    stop
        Whether the number of steps is the one that ranks held-out training sections best.
    protocol
        Sections, by name of ``her2st.PROTOCOLS``.
    """

    base: Recipe
    before: Callable[[Fold], None] = lambda fold: None
    network: type[SpaCRDNetwork] = SpaCRDNetwork
    stage: type[AlignmentStage] = AlignmentStage
    after: Callable[[SpaCRDNetwork, NetworkInputs], None] = lambda network, test: None
    stop: bool = False
    protocol: str = "expression"


TRIALS: dict[str, Trial] = {
    "votes: base": Trial(VOTES),
    "votes: ranks": Trial(VOTES, before=ranks),
    "votes: counts thinned": Trial(VOTES, before=thinned),
    "votes: CORAL to the target": Trial(VOTES, before=coral),
    "votes: spot and ring apart": Trial(VOTES, before=ring),
    "votes: steps by a held-out training section": Trial(VOTES, stop=True),
    "network: base": Trial(NETWORK),
    "network: ranks": Trial(NETWORK, before=ranks),
    "network: counts thinned": Trial(NETWORK, before=thinned),
    "network: CORAL to the target": Trial(NETWORK, before=coral),
    "network: position in the neighbourhood": Trial(NETWORK, network=Positioned),
    "network: BatchNorm of the target": Trial(NETWORK, after=target_statistics),
    "network: steps by a held-out training section": Trial(NETWORK, stop=True),
    "aligned: base": Trial(ALIGNED, protocol="multimodal"),
    "aligned: not aligned": Trial(replace(ALIGNED, alignment_epochs=0), protocol="multimodal"),
    "aligned: neighbours no negatives": Trial(ALIGNED, stage=Distant, protocol="multimodal"),
}


def train(trial: Trial, parts: list[NetworkInputs], config, seed: int, device: str, steps: int | None) -> SpaCRDNetwork:
    """One network of a trial."""
    recipe = trial.base if steps is None else replace(trial.base, fusion_epochs=1, min_steps=steps)
    make = _run.make_loader
    whole = trial.stage is not AlignmentStage

    def loader(*arguments, neighbours: bool, **further):
        return make(*arguments, neighbours=neighbours or whole, **further)

    with (
        patch.object(_run, "SpaCRDNetwork", trial.network),
        patch.object(_run, "AlignmentStage", trial.stage),
        patch.object(_run, "make_loader", loader),
    ):
        return train_network(config, NetworkInputs.stack(parts), recipe, seed=seed * 1000, hardware=Hardware(device))[0]


def rank(trained: SpaCRDNetwork, part: NetworkInputs, whole: NetworkInputs, share: float, device: str) -> float:
    """AUC on a section; ``whole`` has the neighbourhoods that scores are propagated over."""
    scores = score_arrays([trained], part, batch_size=4096, device=device)
    logit = propagated(scores, whole, share).votes.mean(axis=1)
    labelled = np.isfinite(part.target)
    return float(roc_auc_score(part.target[labelled], logit[labelled]))


def fold(name: str, held_out: str, seed: int, device: str) -> dict:
    """Train without one patient, rank its section."""
    trial = TRIALS[name]
    spacrd.settings.progress = False
    images = trial.protocol == "multimodal"
    names = [n for n in PROTOCOLS[trial.protocol] if n[0] != held_out[0]] + [held_out]
    every = [section(n, "handcrafted" if images else None) for n in names]
    libraries = [split_sections(sdata)[0] for sdata in every]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rep = IMAGE_REP if images else None
        raw = [
            read_section(
                library,
                expression=True,
                image_rep=rep,
                layer=None,
                scale=False,
                target=read_target(library, "cancer", ["cancer"], None),
            )
            for library in libraries
        ]
        expression = expression_contract(raw[:-1], None, 3000, trial.base)
        image = image_contract(libraries[:-1], raw[:-1], rep, trial.base, None)

        def ready(one: SectionArrays) -> NetworkInputs:
            return prepare(one, expression=expression, image=image, n_neighbors=6, max_distance_um=None).load()

        parts = [ready(one) for one in raw]
        whole = parts[-1]
        found = Fold(raw[:-1], parts[:-1], whole, ready, np.random.default_rng(seed))
        trial.before(found)
        config = _network(expression, image, trial.base)
        config = replace(config, n_genes=found.train[0].features["expression"].width)
        share, steps = trial.base.propagation or 0.0, None
        if trial.stop:
            reached = dict.fromkeys(STEPS, 0.0)
            for number, part in enumerate(found.train):
                rest = [other for i, other in enumerate(found.train) if i != number]
                for n in STEPS:
                    reached[n] += rank(train(trial, rest, config, seed, device, n), part, part, share, device)
            steps = max(reached, key=lambda n: reached[n])
        trained = train(trial, found.train, config, seed, device, steps)
        trial.after(trained, found.test)
        auc = rank(trained, found.test, whole, share, device)
    return {"trial": name, "seed": seed, "section": held_out, "auc": auc, "steps": steps}


def report(frame: pd.DataFrame) -> str:
    """Markdown: AUC per section, mean, difference to the base."""
    lines = []
    for protocol in dict.fromkeys(trial.protocol for trial in TRIALS.values()):
        sections = PROTOCOLS[protocol]
        chosen = [name for name, trial in TRIALS.items() if trial.protocol == protocol]
        wide = frame[frame["trial"].isin(chosen)].pivot_table(index="trial", columns="section", values="auc")
        lines += ["", "| trial | " + " | ".join(sections) + " | mean AUC | against base |", "|---|" + "---|" * 6]
        for name in (name for name in chosen if name in wide.index):
            row, base = wide.loc[name, list(sections)], f"{name.split(':')[0]}: base"
            against = f"{row.mean() - wide.loc[base].mean():+.3f}" if base in wide.index else ""
            cells = " | ".join(f"{value:.3f}" for value in row)
            lines.append(f"| {name} | {cells} | {row.mean():.3f} | {against} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="*", help="names, with wildcards")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    tasks = [
        (name, held_out, seed, arguments.device)
        for name, trial in TRIALS.items()
        if fnmatch(name, arguments.trials)
        for seed in arguments.seeds
        for held_out in PROTOCOLS[trial.protocol]
    ]
    done = Parallel(arguments.jobs, return_as="generator_unordered")(delayed(fold)(*task) for task in tasks)
    rows = pd.DataFrame(list(done))
    if FOUND.exists():
        key = ["trial", "seed", "section"]
        rows = pd.concat([pd.read_csv(FOUND), rows]).drop_duplicates(key, keep="last").sort_values(key)
    rows.round(4).to_csv(FOUND, index=False)
    print(report(rows))


if __name__ == "__main__":
    main()
