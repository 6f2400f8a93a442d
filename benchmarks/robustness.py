"""What the score of a held-out section depends on, and what it does not.

    python -m benchmarks.robustness            # everything, about seven minutes of one core
    python -m benchmarks.robustness --tables   # the tables of docs/method/robustness.md, from the stored rows

Sections and folds are those of ``benchmarks.her2st``: ``expression`` leaves one section of five out (pathologist's
labels), ``multimodal`` one patient of three (PROXY labels on three of four sections). Every fold's model is fitted
once with the default recipe; only the held-out section is changed. Rows are written to
``benchmarks/results/robustness_*.csv``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from benchmarks import double
from benchmarks.robustness_changes import MATTER, MATTER_NOT, NEEDS_IMAGE, Subject, beside, lattice, subject, turned
from benchmarks.robustness_tables import tables
from benchmarks.sections import HERE, PROTOCOLS, section
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd.tl._call import call_regions, find_threshold, recorded_level

RESAMPLES = 100


@cache
def subjects(protocol: str) -> dict[str, Subject]:
    """Sections of a protocol."""
    image = protocol == "multimodal"
    encoder = "handcrafted" if image else None
    return {name: subject(section(name, encoder), image=image) for name in PROTOCOLS[protocol]}


@cache
def fitted(protocol: str, training: tuple[str, ...], seed: int = 0) -> spacrd.SpaCRD:
    """Default recipe on some sections; once per process."""
    tables = [subjects(protocol)[name].table for name in training]
    modality = "expression" if protocol == "expression" else None
    return spacrd.tl.fit(tables, "cancer", positive="cancer", modality=modality, seed=seed)


def training(protocol: str, held_out: str) -> tuple[str, ...]:
    """All sections of other patients."""
    return tuple(name for name in PROTOCOLS[protocol] if name[0] != held_out[0])


def scored(table: AnnData, model: spacrd.SpaCRD, **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score a section, and call its spots even if it is unlike the training sections; return results and report."""
    table = spacrd.tl.score(table, model, copy=True, on_shift="warn", on_mismatch="warn", **options)
    (report, *_) = table.uns["spacrd"]["spacrd"]["sections"].values()
    return table.obs[["spacrd_likelihood", "spacrd_region", "cancer"]], report


def invariances(protocol: str, held_out: str) -> Iterator[dict[str, Any]]:
    """Largest change of a likelihood by what should change none, and by a second fit beside it."""
    of, names = subjects(protocol)[held_out], training(protocol, held_out)
    model = fitted(protocol, names)
    rng = np.random.default_rng(0)

    def apart(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, float]:
        off = (one["spacrd_likelihood"] - two["spacrd_likelihood"].reindex(one.index)).abs()
        changes = {"largest": off.max(), "mean": off.mean(), "near": (off < 0.01).mean()}
        return {**changes, "auc": auc(two), "auc_before": auc(one)}

    before = scored(of.table, model)[0]
    for change, make in MATTER_NOT.items():
        yield {"change": change, **apart(before, scored(make(of, rng), model)[0])}
    for batch_size in (7, 100):
        yield {"change": f"batch_size={batch_size}", **apart(before, scored(of.table, model, batch_size=batch_size)[0])}
    exact = before.assign(spacrd_likelihood=double.likelihoods(model, of.table))
    yield {"change": "computed in float64", **apart(before, exact)}
    other = next(name for name in PROTOCOLS[protocol] if name != held_out)
    joint = beside(of, subjects(protocol)[other])
    alone = scored(of.table[:, joint.var_names].copy(), model)[0]
    both = scored(joint, model, library_key="library")[0]
    yield {"change": "another section in the call", **apart(alone, both[: len(alone)].set_axis(alone.index))}
    whole = lattice(of)
    straight = scored(whole.table, model)[0]
    yield {
        "change": "on a perfect lattice, turned by 90 degrees",
        **apart(straight, scored(turned(whole, 90), model)[0]),
    }
    if held_out == PROTOCOLS[protocol][0]:  # further fits, once per protocol
        for change, other_names, seed in (
            ("training sections in another order", names[::-1], 0),
            ("fitted with another seed", names, 1),
            ("first training section given twice", (names[0], *names), 0),
        ):
            yield {"change": change, **apart(before, scored(of.table, fitted(protocol, other_names, seed))[0])}


def effects(protocol: str, held_out: str) -> Iterator[dict[str, Any]]:
    """What happens to the scores, the verdict and the shift report when the section gets worse."""
    of, model = subjects(protocol)[held_out], fitted(protocol, training(protocol, held_out))
    before, told = scored(of.table, model)
    yield {"change": "none", "strength": 0.0, **compared(before, before, told, told)}
    for change, (make, strengths, seeds) in MATTER.items():
        if change in NEEDS_IMAGE and of.patches is None:
            continue
        for strength in strengths:
            for seed in range(seeds):
                after, report = scored(make(of, strength, np.random.default_rng(seed)), model)
                found = {"change": change, "strength": strength, "seed": seed}
                yield found | compared(before.loc[after.index], after, told, report)


REPORTED = (
    "decision_coverage", "depth_ratio", "expression_distance", "image_distance", "level", "threshold", "shift",
)  # fmt: skip


def compared(before: pd.DataFrame, after: pd.DataFrame, told: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """The same spots before and after."""
    off = (after["spacrd_likelihood"] - before["spacrd_likelihood"]).abs()
    regions = [frame["spacrd_region"].astype(str) for frame in (before, after)]
    return {
        "n": len(after),
        "auc": auc(after),
        "auc_before": auc(before),
        "mean": off.mean(),
        "largest": off.max(),
        "called_otherwise": (regions[0] != regions[1]).mean(),
        "verdict": report["verdict"],
        "verdict_before": told["verdict"],
        **{name: report[name] for name in REPORTED},
    }


def auc(frame: pd.DataFrame) -> float:
    """Cancer against all else that has a label; NaN if there is one class only."""
    known = frame[frame["cancer"].notna() & frame["spacrd_likelihood"].notna()]
    cancer = known["cancer"] == "cancer"
    return float(roc_auc_score(cancer, known["spacrd_likelihood"])) if cancer.nunique() == 2 else float("nan")


def bootstrap(protocol: str, held_out: str) -> Iterator[dict[str, Any]]:
    """Thresholds of the section's spots drawn again with replacement, and what they would call otherwise."""
    of, model = subjects(protocol)[held_out], fitted(protocol, training(protocol, held_out))
    frame, report = scored(of.table, model)
    level = recorded_level(report)
    likelihood = frame["spacrd_likelihood"].to_numpy()
    rng = np.random.default_rng(0)
    for number in range(RESAMPLES):
        drawn = rng.choice(likelihood, len(likelihood))
        cut = find_threshold(drawn, "expected_f1", level)
        calls = [call_regions(likelihood, threshold, level) for threshold in (report["threshold"], cut.threshold)]
        yield {
            "resample": number,
            "n": len(likelihood),
            "threshold": cut.threshold,
            "threshold_of_all": report["threshold"],
            "method": cut.method,
            "called_otherwise": (calls[0] != calls[1]).mean(),
        }


PARTS = {"invariances": invariances, "effects": effects, "threshold": bootstrap}
FILES = {part: HERE / "results" / f"robustness_{part}.csv" for part in PARTS}


def keep(part: str, protocol: str, held_out: str, rows: Iterator[dict[str, Any]]) -> None:
    """Add rows to the stored ones, and replace those of the same section."""
    file = FILES[part]
    found = pd.DataFrame([{"protocol": protocol, "section": held_out, **row} for row in rows])
    if file.exists():
        old = pd.read_csv(file)
        found = pd.concat([old[(old["protocol"] != protocol) | (old["section"] != held_out)], found])
    found.to_csv(file, index=False, float_format="%.4g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocols", nargs="*", choices=list(PROTOCOLS), default=list(PROTOCOLS))
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--tables", action="store_true", help="print the tables of stored rows, compute nothing")
    arguments = parser.parse_args()
    spacrd.settings.progress = False
    for protocol in [] if arguments.tables else arguments.protocols:
        for held_out in PROTOCOLS[protocol]:
            for part in arguments.parts:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    keep(part, protocol, held_out, PARTS[part](protocol, held_out))
                print(protocol, held_out, part, f"{time.process_time():.0f} CPU s", flush=True)
    print(tables(*(pd.read_csv(file) for file in FILES.values())))


if __name__ == "__main__":
    main()
