"""Accuracy on real breast-cancer sections, each section held out from everything that is fitted.

    python -m benchmarks.her2st expression          # A1 B1 C1 E1 G2, pathologist labels
    python -m benchmarks.her2st multimodal          # A1 pathologist; B4 C2 C3 proxy labels; one patient held out
    python -m benchmarks.her2st multimodal --encoder tf_efficientnet_lite0 --weights FILE --patch-um 224
    python -m benchmarks.her2st healthy             # the spots of B1 that are not cancer, as a section of its own
    python -m benchmarks.her2st map                 # cancer map of B4

The sections are read from ``../shared/data/her2st`` or ``$SPACRD_DATA/her2st``. Results are printed as markdown and
added to ``benchmarks/results/her2st_*.csv``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.sections import HERE, IMAGE_REP, PROTOCOLS, read, section
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

import spacrd
from spacrd.features._neighbours import neighbourhoods

RECIPES = spacrd.model.RECIPES
REGRESSIONS = {"logistic regression, own": False, "logistic regression, mean": True}
"""Names of the floors, and whether they read means over the spot and its neighbours."""
MODALITIES = {"both": None, "expression": "expression", "image": "image"}


@dataclass(frozen=True)
class Embedding:
    """What describes the patches: an encoder, its weights and the side of a patch; None for their defaults."""

    encoder: str = "handcrafted"
    weights: str | None = None
    patch_um: float | None = None

    def label(self, model: str) -> str:
        """Name a model by its embedding, unless that is the usual one."""
        if self.encoder == "handcrafted":
            return model
        return f"{model}, {self.encoder}" + (f" {self.patch_um:g} um" if self.patch_um else "")


USUAL = Embedding()


def quality(table, score: np.ndarray, threshold: float | None = None) -> dict[str, float]:
    """AUC, AP, and ECE, Brier and F1 of likelihoods; undetermined as not cancer (the paper's protocol) and left out."""
    label = table.obs["cancer"]
    found = {}
    for suffix, kept in (("", label.notna()), ("_decided", label.isin(["cancer", "other"]))):
        y, s = (label[kept] == "cancer").to_numpy(), score[kept.to_numpy()]
        found |= {f"auc{suffix}": roc_auc_score(y, s), f"ap{suffix}": average_precision_score(y, s)}
        if threshold is not None:
            every = spacrd.metrics.scores(y, s.astype(np.float64), s >= threshold)
            found |= {f"{name}{suffix}": every[name] for name in ("ece", "brier", "f1")}
    return found


# Logistic regressions: the floor any attention has to beat.


def _minmax(values: np.ndarray) -> np.ndarray:
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.nan_to_num((values - low) / np.where(high > low, high - low, np.inf))


def regression_inputs(sdata, genes: pd.Index, parts: tuple[str, ...], *, mean: bool) -> np.ndarray:
    """Min-max scaled log expression and image features of each spot, or means over the spot and its neighbours."""
    table = sdata["table"]
    blocks = []
    if "expression" in parts:
        counts = np.asarray(table[:, genes].X.todense(), dtype=np.float64)
        blocks.append(np.log1p(counts / np.maximum(counts.sum(1, keepdims=True), 1) * 1e4))
    if "image" in parts:
        blocks.append(np.asarray(table.obsm[IMAGE_REP], dtype=np.float64))
    values = np.hstack(blocks)
    if mean:
        values = np.nanmean(values[neighbourhoods(table.obsm["spatial"], 6)[0]], axis=1)
    return _minmax(values)


def regression(train: list, test, parts: tuple[str, ...], *, mean: bool) -> np.ndarray:
    """Scores of a balanced logistic regression, C = 0.01."""
    genes = train[0]["table"].var_names
    for sdata in [*train[1:], test]:
        genes = genes[genes.isin(sdata["table"].var_names)]
    x, y = [], []
    for sdata in train:
        label = sdata["table"].obs["cancer"]
        x.append(regression_inputs(sdata, genes, parts, mean=mean)[label.notna().to_numpy()])
        y.append((label[label.notna()] == "cancer").to_numpy())
    fitted = LogisticRegression(C=0.01, class_weight="balanced", max_iter=3000).fit(np.vstack(x), np.concatenate(y))
    return fitted.decision_function(regression_inputs(test, genes, parts, mean=mean))


def fit_and_score(train: list, test, *, recipe: str, modality: str | None, seed: int) -> tuple[np.ndarray, float]:
    """Likelihoods of the held-out section and its threshold, through the public calls alone."""
    model = spacrd.tl.fit(
        train,
        "cancer",
        positive="cancer",
        recipe=RECIPES[recipe],
        modality=modality,
        image_rep=None if modality == "expression" else IMAGE_REP,
        seed=seed,
    )
    table = spacrd.tl.score(test, model, copy=True)["table"]
    (section,) = table.uns["spacrd"]["spacrd"]["sections"].values()
    return table.obs["spacrd_likelihood"].to_numpy(), float(section["threshold"])


def row(
    protocol: str, held_out: str, shown: str, model: str, seed: int, device: str, embedding: Embedding = USUAL
) -> dict[str, Any]:
    """One model, fitted without the patient of one section and scored on it."""
    spacrd.settings.progress = False
    spacrd.settings.device = device
    described = astuple(embedding) if protocol == "multimodal" else ()
    sections = {name: section(name, *described) for name in PROTOCOLS[protocol]}
    test = sections[held_out]
    train = [sdata for name, sdata in sections.items() if name[0] != held_out[0]]
    modality = MODALITIES[shown]
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if model in REGRESSIONS:
            parts = ("expression", "image") if modality is None else (modality,)
            found = quality(test["table"], regression(train, test, parts, mean=REGRESSIONS[model]))
        else:
            found = quality(test["table"], *fit_and_score(train, test, recipe=model, modality=modality, seed=seed))
    what = {"model": embedding.label(model), "modality": shown, "seed": seed, "section": held_out}
    return what | found | {"cpu_s": time.process_time() - start}


def run(
    protocol: str,
    recipes: list[str],
    inputs: list[str],
    seeds: list[int],
    baselines: bool,
    jobs: int,
    device: str,
    embedding: Embedding,
) -> pd.DataFrame:
    """One row per model, modality, seed and held-out section."""
    models = [(recipe, seed) for recipe in recipes for seed in seeds]
    models += [(name, 0) for name in REGRESSIONS] if baselines else []
    tasks = [
        (protocol, held_out, shown, model, seed, device, embedding)
        for model, seed in models
        for shown in inputs
        for held_out in PROTOCOLS[protocol]
    ]
    rows = []
    for found in Parallel(jobs, return_as="generator_unordered")(delayed(row)(*task) for task in tasks):
        print(json.dumps(found), flush=True)
        rows.append(found)
    return pd.DataFrame(rows)


def report(frame: pd.DataFrame, names: tuple[str, ...]) -> str:
    """Markdown: AUC per section, then means; averaged over seeds, with their spread."""
    lines = [
        "| model | inputs | "
        + " | ".join(names)
        + " | mean AUC | sd over seeds | mean AP | undetermined left out | ECE |",
        "|---|---|" + "---|" * (len(names) + 5),
    ]
    for (model, modality), part in frame.groupby(["model", "modality"], sort=False):
        by_seed = part.groupby("seed")[["auc", "ap", "auc_decided", "ap_decided"]].mean()
        spread = f"{by_seed['auc'].std():.3f}" if len(by_seed) > 1 else "-"
        cells = " | ".join(f"{part.loc[part['section'] == name, 'auc'].mean():.3f}" for name in names)
        mean = by_seed.mean()
        ece = f"{part['ece'].mean():.3f}" if "ece" in part and part["ece"].notna().any() else "-"
        lines.append(
            f"| {model} | {modality} | {cells} | {mean['auc']:.3f} | {spread} | {mean['ap']:.3f} "
            f"| {mean['auc_decided']:.3f} / {mean['ap_decided']:.3f} | {ece} |"
        )
    return "\n".join(lines)


def healthy(seeds: list[int]) -> pd.DataFrame:
    """Fit on A1, C1, E1 and G2, score the spots of B1 that are not cancer, as if they were a section of their own."""
    train = [read(name) for name in ("A1", "C1", "E1", "G2")]
    whole = read("B1")["table"]
    rows = []
    for seed in seeds:
        model = spacrd.tl.fit(train, "cancer", positive="cancer", modality="expression", seed=seed)
        for name, kept in (
            ("not cancer", whole.obs["cancer"].isin(["other", "undetermined"])),
            ("all", whole.obs_names),
        ):
            part = whole[kept if name == "all" else kept.to_numpy()].copy()
            del part.uns["spatialdata_attrs"]
            spacrd.tl.score(part, model)
            (section,) = part.uns["spacrd"]["spacrd"]["sections"].values()
            shares = part.obs["spacrd_region"].value_counts(normalize=True)
            rows.append({"seed": seed, "spots of B1": name, "n": part.n_obs, "verdict": section["verdict"]})
            rows[-1] |= {f"called {region}": shares.get(region, 0.0) for region in ("cancer", "uncertain")}
            rows[-1] |= {"expected share": section["expected_share"], "threshold": section["threshold"]}
    return pd.DataFrame(rows)


def draw_map(path: Path) -> None:
    """Fit on A1, C2 and C3, score B4, draw its likelihoods over the tissue."""
    sections = {name: section(name, "handcrafted") for name in PROTOCOLS["multimodal"]}
    target = sections.pop("B4")
    model = spacrd.tl.fit(list(sections.values()), "cancer", positive="cancer")
    spacrd.tl.score(target, model)
    spacrd.pl.likelihood(target, save=path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*PROTOCOLS, "healthy", "map"])
    parser.add_argument("--recipes", nargs="*", choices=list(RECIPES), default=["default", "published"])
    parser.add_argument("--inputs", nargs="*", choices=list(MODALITIES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--encoder", default=USUAL.encoder)
    parser.add_argument("--weights", help="file of the encoder's weights")
    parser.add_argument("--patch-um", type=float, help="side of a patch")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    spacrd.settings.progress = False
    arguments.out.mkdir(exist_ok=True)
    if arguments.what == "map":
        draw_map(arguments.out / "B4_likelihood.png")
        return
    if arguments.what == "healthy":
        found = healthy(arguments.seeds)
        found.round(4).to_csv(arguments.out / "her2st_healthy.csv", index=False)
        print(found.round(3).to_string(index=False))
        return
    inputs = arguments.inputs or (["expression"] if arguments.what == "expression" else list(MODALITIES))
    frame = run(
        arguments.what,
        arguments.recipes,
        inputs,
        arguments.seeds,
        not arguments.no_baselines,
        arguments.jobs,
        arguments.device,
        Embedding(arguments.encoder, arguments.weights, arguments.patch_um),
    )
    stored = arguments.out / f"her2st_{arguments.what}.csv"
    if stored.exists():  # runs of other models or seeds stay; repeated ones are replaced
        old = pd.read_csv(stored)
        key = ["model", "modality", "seed", "section"]
        frame = pd.concat([old, frame]).drop_duplicates(key, keep="last").sort_values(key, ignore_index=True)
    frame.round(4).to_csv(stored, index=False)
    print(report(frame, PROTOCOLS[arguments.what]))


if __name__ == "__main__":
    main()
