"""The paper's ablations and sensitivity: one model with one setting changed, one patient held out at a time.

    python -m benchmarks.ablations                                # every variant of the authors' program
    python -m benchmarks.ablations --recipe network --variants "without *"
    python -m benchmarks.ablations --quick                        # a tenth of the epochs, ten times the learning rate
    python -m benchmarks.ablations --variants "encoder *" --weights uni2-h=/models/uni2-h

Sections A1 (pathologist's labels), B4, C2 and C3 (PROXY labels, which are no ground truth), image and expression.
Images are described by the ``handcrafted`` features unless a variant says otherwise; untrained encoders show what
an architecture alone gives. Rows are added to ``benchmarks/results/ablations.csv``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.recipe import NETWORK
from benchmarks.sections import HERE, IMAGE_REP, PROTOCOLS, section
from joblib import Parallel, delayed
from sklearn.metrics import average_precision_score, roc_auc_score

import spacrd
from spacrd.model import Recipe

SECTIONS = PROTOCOLS["multimodal"]
FOUND = HERE / "results" / "ablations.csv"
RECIPES = {**spacrd.model.RECIPES, "network": NETWORK}
"""Recipes of a network of the default sizes too: the default has no network to take parts from."""
UNTRAINED = ("resnet50", "swin_tiny_patch4_window7_224")


@dataclass(frozen=True)
class Ablation:
    """What differs from the whole model.

    Attributes
    ----------
    changes
        Settings of the recipe.
    network
        Switches of the network.
    fit
        Further arguments of ``tl.fit``.
    labelled
        Share of the training spots whose labels are kept, in each class of each section.
    encoder
        What describes the patches.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    labelled: float = 1.0
    encoder: str = "handcrafted"


ABLATIONS: dict[str, Ablation] = {
    "whole model": Ablation(),
    "image only": Ablation(fit={"modality": "image"}),
    "expression only": Ablation(fit={"modality": "expression"}),
    "without BCA": Ablation(network={"attention": False}),
    "without RVAE": Ablation(network={"variational": False}),
    "without VRBCA": Ablation(network={"attention": False, "variational": False}),
    "without contrastive stage": Ablation(changes={"alignment_epochs": 0}),
    **{f"alpha {value}": Ablation(changes={"alpha": value}) for value in (0.0, 0.5, 1.0)},
    **{f"beta {value}": Ablation(changes={"beta": value}) for value in (0.1, 0.5, 1.0)},
    **{f"gamma {value}": Ablation(changes={"gamma": value}) for value in (0.0, 0.1, 1.0)},
    **{f"{value} neighbours": Ablation(fit={"n_neighbors": value}) for value in (4, 6, 10)},
    "discriminant of the image": Ablation(changes={"discriminants": ("image",)}),
    "discriminant of expression": Ablation(changes={"discriminants": ("expression",)}),
    "10 % of the labels": Ablation(labelled=0.1),
    **{f"encoder {name}, untrained": Ablation(encoder=name) for name in UNTRAINED},
}


def changed(recipe: Recipe, ablation: Ablation, quick: bool) -> Recipe:
    """The recipe of a variant."""
    recipe = replace(recipe, **ablation.changes, network={**recipe.network, **ablation.network})
    if not quick:
        return recipe
    epochs = {name: getattr(recipe, name) for name in ("alignment_epochs", "vae_epochs", "fusion_epochs")}
    return replace(recipe, lr=10 * recipe.lr, **{name: -(-n // 10) for name, n in epochs.items()})


def keep_labels(sdata, share: float, rng: np.random.Generator):
    """A copy of the table in which a share of each class is still labelled."""
    table = sdata["table"].copy()
    lost = np.ones(table.n_obs, bool)
    for _, rows in table.obs.reset_index().groupby("cancer", observed=True).groups.items():
        lost[rng.choice(np.asarray(rows), max(1, round(share * len(rows))), replace=False)] = False
    table.obs.loc[lost, "cancer"] = np.nan
    return table


def fold(name: str, ablation: Ablation, held_out: str, seed: int, options: Options) -> dict[str, Any]:
    """Fit without one patient, score its section."""
    spacrd.settings.progress = False
    spacrd.settings.device = options.device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = False if ablation.encoder in UNTRAINED else None
        weights = options.weights.get(ablation.encoder, weights)
        sections = {n: section(n, ablation.encoder, weights) for n in SECTIONS}
        train: list[Any] = [sdata for n, sdata in sections.items() if n[0] != held_out[0]]
        if ablation.labelled < 1:
            rng = np.random.default_rng(seed)
            train = [keep_labels(sdata, ablation.labelled, rng) for sdata in train]
        start = time.process_time()
        model = spacrd.tl.fit(
            train,
            "cancer",
            positive="cancer",
            recipe=changed(RECIPES[options.recipe], ablation, options.quick),
            seed=seed,
            **{"image_rep": IMAGE_REP} if ablation.fit.get("modality") != "expression" else {},
            **ablation.fit,
        )
        obs = spacrd.tl.score(sections[held_out], model, copy=True)["table"].obs
    kept = obs["cancer"].notna().to_numpy()
    y, likelihood = obs["cancer"][kept] == "cancer", obs["spacrd_likelihood"][kept]
    found = {"auc": roc_auc_score(y, likelihood), "ap": average_precision_score(y, likelihood)}
    what = {"recipe": options.recipe + (", quick" if options.quick else ""), "variant": name, "seed": seed}
    return what | {"section": held_out} | found | {"cpu_s": time.process_time() - start}


@dataclass(frozen=True)
class Options:
    """What holds for all variants of a run."""

    recipe: str
    quick: bool
    device: str
    weights: dict[str, str]


def report(frame: pd.DataFrame) -> str:
    """Markdown: AUC per section, means over seeds."""
    wide = frame.pivot_table(index="variant", columns="section", values="auc", sort=False)[list(SECTIONS)]
    ap = frame.groupby("variant")["ap"].mean()
    whole = wide.loc["whole model"].mean() if "whole model" in wide.index else float("nan")
    lines = ["| variant | " + " | ".join(SECTIONS) + " | mean AUC | against whole | mean AP |", "|---|" + "---|" * 7]
    for name in [name for name in ABLATIONS if name in wide.index] + [n for n in wide.index if n not in ABLATIONS]:
        mean = wide.loc[name].mean()
        cells = " | ".join(f"{value:.3f}" for value in wide.loc[name])
        lines.append(f"| {name} | {cells} | {mean:.3f} | {mean - whole:+.3f} | {ap[name]:.3f} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", default="*", help="names, with wildcards")
    parser.add_argument("--recipe", default="published", choices=list(RECIPES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs, ten times the learning rate")
    parser.add_argument("--weights", nargs="*", default=[], metavar="ENCODER=PATH", help="encoders with your weights")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    weights = dict(pair.split("=", 1) for pair in arguments.weights)
    options = Options(arguments.recipe, arguments.quick, arguments.device, weights)
    variants = ABLATIONS | {f"encoder {name}": Ablation(encoder=name) for name in weights}
    tasks = [
        (name, ablation, held_out, seed, options)
        for name, ablation in variants.items()
        if fnmatch(name, arguments.variants)
        for seed in arguments.seeds
        for held_out in SECTIONS
    ]
    rows: list[dict[str, Any]] = []
    run: Callable = Parallel(arguments.jobs, return_as="generator_unordered")
    for found in run(delayed(fold)(*task) for task in tasks):
        print(found["variant"], found["section"], f"{found['auc']:.3f}", flush=True)
        rows.append(found)
    frame = pd.DataFrame(rows)
    if FOUND.exists():
        key = ["recipe", "variant", "seed", "section"]
        frame = pd.concat([pd.read_csv(FOUND), frame]).drop_duplicates(key, keep="last").sort_values(key)
    frame.round(4).to_csv(FOUND, index=False)
    print(report(frame[frame["recipe"] == rows[0]["recipe"]]))


if __name__ == "__main__":
    main()
