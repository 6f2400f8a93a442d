"""How well sections are called: the cut, uncertain spots, the expected share of cancer and the verdict.

    python -m benchmarks.calls                       # everything, about ten minutes of one core
    python -m benchmarks.calls --tasks "toy *"       # some of the tasks
    python -m benchmarks.calls --table               # the table of the stored rows, computes nothing

Expression alone unless it says image; the default recipe; each section is held out from everything that is fitted.
Sections of her2st have pathologist's labels, or proxy labels where it says so, and ``undetermined`` counts as not
cancer. Toy sections are simulated, not real tissue. The column marked "uses labels" calls as many spots as have cancer,
which nothing but labels tells: it bounds what a cut can reach. Rows are written to ``benchmarks/results/calls.csv``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData, read_h5ad
from benchmarks.sections import DATA, HERE, POSITIVE, PROTOCOLS, section
from sklearn.metrics import f1_score, roc_auc_score

import spacrd

SECTIONS = PROTOCOLS["expression"]
OTHERS = {
    "Xenium": ("xenium_idc/xenium_idc.h5ad", ("Invasive Tumor", "DCIS")),
    "PDAC": ("pdac_a/pdac_a.h5ad", ("Cancer",)),
}
"""Files of other platforms and organs, and their regions of cancer."""
TOY_TRAINING = (2, 3, 5)
TOY_SEEDS = range(20)
FOUND = HERE / "results" / "calls.csv"
Row = dict[str, Any]


@cache
def table(name: str) -> AnnData:
    """Read a section as one table with ``obs["cancer"]``."""
    if name not in OTHERS:
        made = section(name)["table"].copy()
        del made.uns["spatialdata_attrs"]
        return made
    path, positive = OTHERS[name]
    made = read_h5ad(DATA.parent / path)
    return labelled(made, made.obs["region"], positive)


def labelled(made: AnnData, region: pd.Series, positive: tuple[str, ...]) -> AnnData:
    """Add ``obs["cancer"]``: cancer, other or NaN."""
    text = region.astype(object)
    made.obs["cancer"] = pd.Categorical(text.where(text.isna(), np.where(text.isin(positive), "cancer", "other")))
    return made


@cache
def toy(seed: int, tumour: bool = True) -> AnnData:
    """Simulate a small section."""
    made = spacrd.datasets.toy_visium(n_rows=20, n_cols=20, n_genes=300, seed=seed, tumour=tumour, full_image=False)
    made = made["table"].copy()
    del made.uns["spatialdata_attrs"]
    return labelled(made, made.obs["pathologist"], POSITIVE)


def embedded(name: str) -> AnnData:
    """Read a section of her2st with hand-made features of its patches."""
    made = section(name, "handcrafted")["table"].copy()
    del made.uns["spatialdata_attrs"]
    return made


def fit(tables: list[AnnData], modality: str | None = "expression") -> spacrd.SpaCRD:
    """Fit the default recipe."""
    return spacrd.tl.fit(tables, "cancer", positive="cancer", modality=modality)


def measure(made: AnnData, model: spacrd.SpaCRD, expected_share: float | None = None) -> Row:
    """Score one section and compare its calls with its labels."""
    options = {"on_mismatch": "warn", "on_shift": "warn", "expected_share": expected_share}
    return compare(spacrd.tl.score(made, model, copy=True, **options))


def compare(scored: AnnData) -> Row:
    """Compare the calls of a scored section with its labels."""
    (report,) = scored.uns["spacrd"]["spacrd"]["sections"].values()
    obs = scored.obs[scored.obs["cancer"].notna().to_numpy() & scored.obs["spacrd_likelihood"].notna().to_numpy()]
    target, likelihood = (obs["cancer"] == "cancer").to_numpy(), obs["spacrd_likelihood"].to_numpy(np.float64)
    called, uncertain = likelihood >= report["threshold"], (obs["spacrd_region"] == "uncertain").to_numpy()
    wrong, share = called != target, float(target.mean())
    both = 0 < share < 1
    return {
        "n": len(obs),
        "auc": roc_auc_score(target, likelihood) if both else np.nan,
        "f1": f1_score(target, called) if both else np.nan,
        "f1_true_share": f1_score(target, likelihood >= np.quantile(likelihood, 1 - share)) if both else np.nan,
        "called": called.mean(),
        "uncertain": uncertain.mean(),
        "error_uncertain": wrong[uncertain].mean() if uncertain.any() else np.nan,
        "error_called": wrong[~uncertain].mean() if not uncertain.all() else np.nan,
        "threshold": report["threshold"],
        "cancer_at_0.7": target[(likelihood >= 0.6) & (likelihood < 0.8)].mean(),
        "brier": np.mean((likelihood - target) ** 2),
        "share": share,
        "share_low": report["share_low"],
        "share_high": report["share_high"],
        "covered": float(report["share_low"] <= share <= report["share_high"]),
        "verdict": report["verdict"],
        "shift": float(report["shift"]),
    }


def one_section_out() -> Iterator[Row]:
    """Score each section by a model of the other four; again with its true share; and its normal spots alone."""
    for held_out in SECTIONS:
        model, made = fit([table(name) for name in SECTIONS if name != held_out]), table(held_out)
        yield (row := {"section": held_out, **measure(made, model)})
        yield {"section": f"{held_out}, its share given (uses labels)", **measure(made, model, row["share"])}
        normal = made[made.obs["cancer"].isin(["other", "undetermined"]).to_numpy()].copy()
        yield {"section": f"{held_out}, normal spots", **measure(normal, model)}


def one_patient_out() -> Iterator[Row]:
    """Score sections from image and expression by a model of other patients; three of four have proxy labels."""
    made = {name: embedded(name) for name in PROTOCOLS["multimodal"]}
    for held_out, table_of_it in made.items():
        model = fit([made[name] for name in made if name[0] != held_out[0]], modality=None)
        yield {"section": held_out if held_out == "A1" else f"{held_out} (proxy)", **measure(table_of_it, model)}


def other_platforms() -> Iterator[Row]:
    """Score a Xenium section of breast and a section of pancreas by a model of all five sections."""
    model = fit([table(name) for name in SECTIONS])
    for name in OTHERS:
        yield {"section": name, **measure(table(name), model)}


def quadrants() -> Iterator[Row]:
    """Score each quadrant of the Xenium section by a model of the other three."""
    whole = table("Xenium")
    parts = {str(name): whole[whole.obs["quadrant"] == name].copy() for name in sorted(whole.obs["quadrant"].unique())}
    for held_out, made in parts.items():
        model = fit([part for name, part in parts.items() if name != held_out])
        yield {"section": held_out, **measure(made, model)}


def pseudospots(made: AnnData) -> AnnData:
    """Add up the cells of a section to pseudo-spots of 55 um, each with the majority of their labels."""
    return spacrd.pp.pseudospots(made, diameter_um=55.0, pitch_um=55.0, label_key="cancer", mpp=1.0)


def several_platforms(prepare: Callable[[AnnData], AnnData]) -> Iterator[Row]:
    """Score each quadrant of the Xenium section by models of the five sections and another quadrant of it."""
    whole = table("Xenium")
    names = sorted(map(str, whole.obs["quadrant"].unique()))
    parts = {name: prepare(whole[whole.obs["quadrant"] == name].copy()) for name in names}
    alone = [table(section) for section in SECTIONS]
    models = {name: fit([*alone, part]) for name, part in parts.items()}
    without = fit(alone)
    for held_out, made in parts.items():
        yield {"section": f"{held_out}, by her2st alone", **measure(made, without)}
        for model in (models[name] for name in names if name != held_out):
            yield {"section": held_out, **measure(made, model)}


def one_section_out_of_both(prepare: Callable[[AnnData], AnnData]) -> Iterator[Row]:
    """Score each section by a model of the other four and a quadrant of Xenium, which has fewer genes."""
    whole = table("Xenium")
    part = prepare(whole[whole.obs["quadrant"] == "q00"].copy())
    for held_out in SECTIONS:
        model = fit([*(table(name) for name in SECTIONS if name != held_out), part])
        yield {"section": held_out, **measure(table(held_out), model)}


def toys(n_training: int) -> Iterator[Row]:
    """Score toys with and without tumour by a model of some toys with tumour; each seed is of other toys."""
    for seed in TOY_SEEDS:
        first = 100 * (seed + 1)
        model = fit([toy(first + number) for number in range(n_training)])
        for tumour in (True, False):
            made = toy(first + 50, tumour)
            yield {"section": "tumour" if tumour else "no tumour", "seed": seed, **measure(made, model)}


TASKS: dict[str, Callable[[], Iterator[Row]]] = {
    "her2st, one section out": one_section_out,
    "her2st with image, one patient out": one_patient_out,
    "fitted on her2st": other_platforms,
    "Xenium, three quadrants": quadrants,
    "her2st and a quadrant of Xenium, cells": partial(several_platforms, AnnData.copy),
    "her2st and a quadrant of Xenium, pseudo-spots": partial(several_platforms, pseudospots),
    "her2st and a quadrant of Xenium, one section out": partial(one_section_out_of_both, AnnData.copy),
    "her2st and a quadrant of Xenium as pseudo-spots, one section out": partial(one_section_out_of_both, pseudospots),
    **{f"toy, {n} training sections": partial(toys, n) for n in TOY_TRAINING},
}


def markdown(frame: pd.DataFrame) -> str:
    """Make the table; rows of several seeds are averaged."""
    lines = [
        "| fitted on: scored | AUC | F1 at own cut | F1 at true share (uses labels) | uncertain "
        "| error: uncertain, rest | Brier | true share | interval | covers | verdict |",
        "|---|" + "---|" * 10,
    ]
    for (task, name), part in frame.groupby(["task", "section"], sort=False):
        mean = part.mean(numeric_only=True).map(lambda value: "-" if np.isnan(value) else f"{value:.2f}")
        verdicts = part["verdict"].value_counts()
        single = len(part) == 1
        covered = (
            f"{part['covered'].sum():.0f} of {len(part)}" if not single else "yes" if part["covered"].all() else "no"
        )
        verdict = verdicts.index[0] if single else ", ".join(f"{count} {name}" for name, count in verdicts.items())
        cells = [
            f"{task}: {name}",
            *mean[["auc", "f1", "f1_true_share", "uncertain"]],
            f"{mean['error_uncertain']}, {mean['error_called']}",
            *mean[["brier", "share"]],
            f"{mean['share_low']} to {mean['share_high']}",
            covered,
            verdict,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="*", help="names, with wildcards")
    parser.add_argument("--table", action="store_true", help="print the table of stored rows, compute nothing")
    arguments = parser.parse_args()
    spacrd.settings.progress = False
    warnings.simplefilter("ignore")
    for task in [] if arguments.table else [name for name in TASKS if fnmatch(name, arguments.tasks)]:
        frame = pd.DataFrame([{"task": task, **row} for row in TASKS[task]()])
        if FOUND.exists():
            old = pd.read_csv(FOUND)
            frame = pd.concat([old[old["task"] != task], frame])
        frame.round(4).to_csv(FOUND, index=False)
        print(f"{task}: {time.process_time():.0f} CPU s", flush=True)
    print(markdown(pd.read_csv(FOUND)))


if __name__ == "__main__":
    main()
