"""What was tried for the default recipe: one change at a time, each section held out from everything that is fitted.

    python -m benchmarks.recipe --variants "discriminants: *"
    python -m benchmarks.recipe --variants "network: *" --seeds 0 1 2 --jobs 2

Expression alone, A1 B1 C1 E1 G2 with pathologist's labels. Beside them stand A2, B4, C2 and C3, whose labels are PROXY
labels: they are no ground truth, are scored by the same models (their patient is held out too), and are averaged by
themselves. Two bases: ``discriminants`` is the default, ``network`` one network that reads expression. Neither is
calibrated: with one vote calibration changes no order. Rows are added to ``benchmarks/results/recipe.csv``. Those of
earlier defaults, which had other switches, lie beside it: ``recipe_votes.csv`` (linear votes of networks) and
``recipe_minmax.csv`` (commit 3f1f976, min-max scaled).
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace
from fnmatch import fnmatch

import pandas as pd
from benchmarks.sections import HERE, PROTOCOLS, section
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd.model import RECIPES, Recipe

DEFAULT = replace(RECIPES["default"], calibrated=False)
SECTIONS = PROTOCOLS["expression"]
PROXY = {"A1": ("A2",), "B1": ("B4",), "C1": ("C2", "C3")}
FOUND = HERE / "results" / "recipe.csv"
NETWORK = Recipe(
    name="network",
    gene_selection="residual",
    scaling="quantile",
    network={
        "hidden": (256, 128),
        "width": 128,
        "vae_hidden": (128, 64),
        "token_norm": "feature",
        "missing_token": True,
        "logvar_bound": 8.0,
    },
    detach=True,
    separation_bound=4.0,
    weight_decay=1e-2,
    schedule="onecycle",
    batch_size=256,
    alignment_epochs=0,
    vae_epochs=0,
    fusion_epochs=8,
    min_steps=45,
    lr=1e-3,
    input_dropout=0.2,
    balanced=True,
    propagation=0.8,
)


def network(**changes) -> Recipe:
    """The recipe of one network with other switches."""
    return replace(NETWORK, network={**NETWORK.network, **changes})


# name: recipe, further arguments of fit
VARIANTS: dict[str, tuple[Recipe, dict]] = {
    "discriminants: base": (DEFAULT, {}),
    **{f"discriminants: propagation {p}": (replace(DEFAULT, propagation=p), {}) for p in (0.0, 0.5, 0.8, 0.95)},
    "discriminants: z-scores": (replace(DEFAULT, scaling="zscore"), {}),
    "discriminants: min-max": (replace(DEFAULT, scaling="minmax"), {}),
    "discriminants: not scaled": (replace(DEFAULT, scaling="none"), {}),
    "discriminants: genes of the first section": (replace(DEFAULT, gene_selection="first"), {}),
    **{f"discriminants: {n} genes": (DEFAULT, {"n_top_genes": n}) for n in (500, 1000, 2000, 6000)},
    **{f"discriminants: {n} neighbours": (DEFAULT, {"n_neighbors": n}) for n in (4, 10, 18)},
    "network: base": (NETWORK, {}),
    "network: no propagation": (replace(NETWORK, propagation=0.0), {}),
    "network: target not detached": (replace(NETWORK, detach=False), {}),
    "network: separation unbounded": (replace(NETWORK, separation_bound=None), {}),
    "network: no separation": (replace(NETWORK, separation=0.0), {}),
    "network: VAE epochs first": (replace(NETWORK, vae_epochs=4, fusion_epochs=4), {}),
    "network: constant lr 1e-4": (replace(NETWORK, lr=1e-4, schedule="constant"), {}),
    "network: 150 steps": (replace(NETWORK, min_steps=150), {}),
    "network: weight decay 1": (replace(NETWORK, weight_decay=1.0), {}),
    "network: norm over neighbours": (network(token_norm="neighbour"), {}),
    "network: linear votes too": (network(linear_votes=True), {}),
    "network: without attention": (network(attention=False), {}),
    "network: without autoencoder": (network(variational=False), {}),
    "network: 18 neighbours": (NETWORK, {"n_neighbors": 18}),
    "network: z-scores": (replace(NETWORK, scaling="zscore"), {}),
    "network: min-max": (replace(NETWORK, scaling="minmax"), {}),
    "network: genes hidden 0.5": (replace(NETWORK, input_dropout=0.5), {}),
    "network: genes hidden 0.8": (replace(NETWORK, input_dropout=0.8), {}),
    "network: three members": (replace(NETWORK, members=3), {}),
    "network: authors' sizes": (replace(NETWORK, network={"token_norm": "feature", "logvar_bound": 8.0}), {}),
}


def fold(name: str, held_out: str, seed: int, device: str) -> list[dict]:
    """Fit without one patient, score its sections."""
    recipe, arguments = VARIANTS[name]
    spacrd.settings.progress = False
    train = [section(other) for other in SECTIONS if other != held_out]
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = {"modality": "expression", "recipe": recipe, "seed": seed, "device": device, **arguments}
        model = spacrd.tl.fit(train, "cancer", positive="cancer", **arguments)
        cpu = time.process_time() - start
        rows = []
        for target in (held_out, *PROXY.get(held_out, ())):
            obs = spacrd.tl.score(section(target), model, copy=True)["table"].obs
            kept = obs["cancer"].notna().to_numpy()
            auc = roc_auc_score(obs["cancer"][kept] == "cancer", obs["spacrd_likelihood"][kept])
            rows.append({"variant": name, "seed": seed, "section": target, "auc": auc, "cpu_s": cpu})
    return rows


def report(frame: pd.DataFrame) -> str:
    """Markdown: AUC per section, mean over the five, difference to the base, mean over the proxy-labelled ones."""
    proxy = [name for names in PROXY.values() for name in names]
    wide = frame.pivot_table(index="variant", columns="section", values="auc", sort=False)
    lines = [
        "| variant | " + " | ".join(SECTIONS) + " | mean AUC | against base | proxy mean | CPU s per fit |",
        "|---|" + "---|" * (len(SECTIONS) + 4),
    ]
    for name in (name for name in VARIANTS if name in wide.index):
        row, base = wide.loc[name], f"{name.split(':')[0]}: base"
        mean = row[list(SECTIONS)].mean()
        against = f"{mean - wide.loc[base, list(SECTIONS)].mean():+.3f}" if base in wide.index else ""
        cells = " | ".join(f"{row[name]:.3f}" for name in SECTIONS)
        cpu = frame.loc[frame["variant"] == name, "cpu_s"].mean()
        lines.append(f"| {name} | {cells} | {mean:.3f} | {against} | {row[proxy].mean():.3f} | {cpu:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", default="*", help="names, with wildcards")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    names = [name for name in VARIANTS if fnmatch(name, arguments.variants)]
    tasks = [
        (name, held_out, seed, arguments.device) for name in names for seed in arguments.seeds for held_out in SECTIONS
    ]
    for done in Parallel(arguments.jobs, return_as="generator")(delayed(fold)(*task) for task in tasks):
        frame = pd.DataFrame(done)
        if FOUND.exists():
            key = ["variant", "seed", "section"]
            frame = pd.concat([pd.read_csv(FOUND), frame]).drop_duplicates(key, keep="last")
        frame.round(4).to_csv(FOUND, index=False)
        print(done[0]["variant"], done[0]["section"], f"{done[0]['auc']:.3f}", flush=True)
    print(report(pd.read_csv(FOUND)))


if __name__ == "__main__":
    main()
