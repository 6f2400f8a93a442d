"""The table of rivals from the finished runs: CSV, markdown and plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.rivals_rows import metrics, read_score, rivals
from benchmarks.rivals_tasks import GROUPS, sections_of
from benchmarks.sections import HERE
from scipy.stats import t as student

import spacrd

CSV = HERE / "results" / "rivals.csv"
MARKDOWN = HERE / "results" / "rivals.md"
KEY = ["task", "rival", "seed", "section"]
SIMPLE = (
    *("depth signature top-markers mahalanobis mahalanobis-neighbourhood late-fusion linear-probe vrex").split(),
    *("logistic-tuned logistic-tuned-neighbourhood logistic-tuned-image logistic-tuned-both").split(),
    *("svm-tuned svm-tuned-neighbourhood celltypist celltypist-svm").split(),
)
"""Controls and linear models: what spacrd has to beat."""
PAPER = {
    "simplenet": "SimpleNet",
    "spatial-id": "Spatial-ID",
    "stage": "STAGE",
    "stands": "STANDS",
    "tesla": "TESLA",
    "meatrd": "MEATRD",
    "istar": "iStar",
    "spacell-plus": "SpaCell-Plus",
    "spacrd": "SpaCRD",
}
PAPER_MEANS = {
    "SimpleNet": 0.500,
    "Spatial-ID": 0.496,
    "STAGE": 0.502,
    "STANDS": 0.514,
    "TESLA": 0.653,
    "MEATRD": 0.686,
    "iStar": 0.691,
    "SpaCell-Plus": 0.822,
    "SpaCRD": 0.929,
}
"""Mean AUC over the eight sections A1 to H1 (Table 2 of the seed paper), with image and expression."""


def finished(folder: Path) -> list[dict[str, Any]]:
    """All runs that are kept, in the order of the rivals and folds."""
    order = {name: number for number, name in enumerate(rivals())}
    runs = [json.loads(file.read_text()) for file in sorted((folder / "runs").glob("*/*.json"))]
    runs = [run for run in runs if run["rival"] in order]
    return sorted(runs, key=lambda run: (list(GROUPS).index(run["group"]), order[run["rival"]], run["seed"]))


def check_equal_inputs(runs: list[dict[str, Any]]) -> None:
    """All rivals of a fold must have read the same sections."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for run in (run for run in runs if run["status"] == "ok"):
        seen.setdefault((run["group"], run["fold"]), {}).setdefault(run["digest"], run["rival"])
    for (group, fold), digests in seen.items():
        if len(digests) > 1:
            raise SystemExit(
                f"{list(digests.values())} read other inputs in {group!r}, fold {fold!r}: run them anew with --again."
            )


def rows_of(runs: list[dict[str, Any]], folder: Path) -> pd.DataFrame:
    """One row per rival, task, seed and section; a rival that could not run has one row per task, with the reason."""
    cards = spacrd.rivals.available()
    rows = []
    for run in runs:
        (fold,) = (fold for fold in GROUPS[run["group"]].folds() if fold.name == run["fold"])
        card = cards.loc[rivals()[run["rival"]][0]]
        what = {"rival": run["rival"], "kind": card["kind"], "labels": card["labels"], "modality": card["modality"]}
        cost = {"cpu_s_per_1000_spots": 1000 * run["cpu_s"] / run["spots"], "peak_mib": run["peak_mib"]}
        cost["spots"] = run["spots"] / len(fold.held_out)  # read in this fold, shared among its rows
        for section, task in fold.held_out.items():
            row = {"task": task, **what, "seed": run["seed"], "section": section, "status": run["status"]}
            if run["status"] == "ok":
                stored = sections_of(run["group"], folder)[section]
                found = read_score(run["sections"][section])
                row |= {"proxy": stored.proxy, **metrics(stored, found), "setting": found.note}
            else:
                row["reason"] = run["reason"]
            rows.append(row | cost)
    frame = pd.DataFrame(rows)
    return frame.drop_duplicates(KEY, keep="last").reset_index(drop=True)


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out rivals that were run on some sections of a task alone: their means would be of other sections."""
    number = frame.groupby(["task", "rival"])["section"].transform("nunique")
    return frame[number == number.groupby(frame["task"]).transform("max")]


COLUMNS = {
    "auc": "AUC",
    "ap": "AP",
    "ks": "KS",
    "f1": "F1",
    "called": "called",
    "uncertain": "uncertain",
    "f1_mixture": "F1, mixture cut",
    "f1_true_share": "F1, true share (uses labels)",
    "auc_decided": "AUC, undetermined left out",
    "brier": "Brier",
    "ece": "ECE",
    "rho_depth": "rank correlation with depth",
    "sd": "sd over seeds",
    "cpu_s_per_1000_spots": "CPU s per 1000 spots",
    "peak_mib": "peak MiB",
}
FEW = ("called", "uncertain", "called_mixture", "rho_depth", "cpu_s_per_1000_spots", "peak_mib")
"""What says something of sections without tumour."""


def summary(frame: pd.DataFrame, task: str) -> pd.DataFrame:
    """Means over the sections of a task, one row per rival, best AUC first."""
    part = frame[(frame["task"] == task) & (frame["status"] == "ok")]
    names = [name for name in (*COLUMNS, "called_mixture") if name in part]
    by_seed = part.groupby(["rival", "seed"], sort=False)[names].mean()
    table = by_seed.groupby("rival", sort=False).mean()
    if "rho_depth" in part:
        table["rho_depth"] = part.groupby("rival")["rho_depth"].median()
    sections = part.pivot_table(index="rival", columns="section", values="auc", sort=False, dropna=False)
    if "auc" in part and part["auc"].notna().any():
        table["sd"] = by_seed["auc"].groupby("rival").std()
        table = sections.join(table).sort_values("auc", ascending=False, kind="stable")
        order = [*sections.columns, *(name for name in COLUMNS if name in table)]
        return table[order].rename(columns=COLUMNS)
    return table[[name for name in FEW if name in table]].rename(columns={**COLUMNS, "called_mixture": "mixture cut"})


def margins(frame: pd.DataFrame, rival: str = "spacrd") -> pd.DataFrame:
    """AUC of a rival minus that of the best simple one, task by task, with a 95 % t interval over sections.

    The best simple rival is the one of the highest mean AUC, chosen with the labels: hard on ``rival``.
    """
    rows = []
    for task, part in frame[frame["status"] == "ok"].groupby("task", sort=False):
        if "auc" not in part or part["auc"].isna().all() or rival not in set(part["rival"]):
            continue
        wide = part.pivot_table(index="section", columns="rival", values="auc")
        simple = wide[[name for name in SIMPLE if name in wide]].dropna(axis=1)
        best = simple.mean().idxmax()
        margin = (wide[rival] - simple[best]).dropna()
        n = len(margin)
        half = student.ppf(0.975, n - 1) * margin.std() / n**0.5 if n > 1 else np.nan
        mean = margin.mean()
        rows.append([task, wide[rival].mean(), best, simple[best].mean(), mean, mean - half, mean + half, str(n)])
    columns = ["task", f"AUC of {rival}", "best simple rival", "its AUC", "margin", "from", "to", "sections"]
    return pd.DataFrame(rows, columns=columns).set_index("task")


def three_digits(value: float, sign: str = "") -> str:
    """Write a number as the pages do: three digits, and no zero before the point."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{sign}.3f}"


def markdown(table: pd.DataFrame) -> str:
    """A frame as a markdown table: three digits, '-' where there is nothing."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return value
        if not np.isfinite(value):
            return "-"
        return f"{value:.0f}" if abs(value) >= 100 else three_digits(value)

    head = [str(table.index.name or ""), *map(str, table.columns)]
    lines = [head, ["---"] * len(head)]
    lines += [[str(name), *map(cell, row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cost(frame: pd.DataFrame, rival: str, task: str) -> str:
    """CPU minutes that a rival would take, from its cost on other tasks; nothing if it ran nowhere."""
    spots = frame[frame["task"] == task].groupby(["rival", "section"])["spots"].max().groupby("rival").sum().max()
    rate = frame.loc[(frame["rival"] == rival) & (frame["status"] == "ok"), "cpu_s_per_1000_spots"].median()
    return f"about {max(rate * spots / 60000, 0.1):.2g} CPU minutes" if np.isfinite(rate * spots) else ""


def not_run(frame: pd.DataFrame, rival: str, task: str) -> str:
    """Why a rival has no row."""
    needed = cost(frame, rival, task)
    return f"not run: {needed}, from its cost on other tasks" if needed else "not run on all sections, cost unknown"


def report(frame: pd.DataFrame) -> str:
    """The whole table as markdown."""
    parts = []
    for task in dict.fromkeys(frame["task"]):
        of_task = frame[frame["task"] == task]
        table = summary(frame, task)
        if task[0] in "ab" and "AUC" in table:
            table["seed paper, mean of A1 to H1"] = [
                PAPER_MEANS.get(PAPER.get(name, ""), np.nan) for name in table.index
            ]
        proxy = of_task.loc[of_task["proxy"].eq(True), "section"].unique() if "proxy" in of_task else []
        note = f"\n\nLabels of {', '.join(proxy)} are proxy labels, which are no ground truth." if len(proxy) else ""
        parts.append(f"### Task {task}\n\n{markdown(table)}{note}")
        lost = of_task[of_task["status"] != "ok"].drop_duplicates(["rival", "reason"])
        if len(lost):
            parts.append("\n".join(f"- `{row.rival}` {row.status}: {row.reason}" for row in lost.itertuples()))
        if waiting := [name for name in rivals() if name not in set(of_task["rival"])]:
            parts.append("\n".join(f"- `{name}` {not_run(frame, name, task)}" for name in waiting))
    if len(found := margins(frame)):
        parts.append(f"### Margin over the best simple rival\n\n{markdown(found)}")
    return "\n\n".join(parts) + "\n"


def with_stored(frame: pd.DataFrame, csv: Path) -> pd.DataFrame:
    """Add the stored rows that are not run anew, in the order of tasks and rivals."""
    if csv.exists():
        frame = pd.concat([pd.read_csv(csv), frame]).drop_duplicates(KEY, keep="last")
    folds = [fold for group in GROUPS.values() for fold in group.folds()]
    tasks = list(dict.fromkeys(task for fold in folds for task in fold.held_out.values()))
    order = {name: number for number, name in enumerate(rivals())}
    frame = frame[frame["rival"].isin(order)].reset_index(drop=True)
    place = pd.DataFrame({"task": frame["task"].map(tasks.index), "rival": frame["rival"].map(order)})
    return frame.loc[place.sort_values(["task", "rival"], kind="stable").index].reset_index(drop=True)


def write_table(folder: Path) -> pd.DataFrame:
    """CSV and markdown of all finished runs and stored rows, and the plots; the rows that are complete come back."""
    runs = finished(folder)
    if not runs and not CSV.exists():
        raise SystemExit(f"There are no finished runs in {folder} and no {CSV}: run the rivals first.")
    check_equal_inputs(runs)
    frame = with_stored(rows_of(runs, folder) if runs else pd.DataFrame(), CSV)
    CSV.parent.mkdir(exist_ok=True)
    frame.to_csv(CSV, index=False, float_format="%.4g")
    frame = complete(pd.read_csv(CSV))  # with the digits that are kept, so that the table is that of the csv
    text = report(frame)
    MARKDOWN.write_text(text)
    print(text)
    from benchmarks.rivals_plots import draw

    draw(frame, runs, folder, HERE / "results")
    return frame
