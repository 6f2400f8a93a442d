"""Tables of README.md, benchmarks/README.md and docs that are made from the rows of rivals."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.rivals_table import cost, margins, markdown, three_digits
from benchmarks.sections import HERE

ROOT = HERE.parent
PAGES = ("README.md", "benchmarks/README.md", "docs/howto/rivals.md")
BLOCK = re.compile(r"(<!-- rivals: (\w+) -->\n).*?(<!-- end of rivals -->)", re.DOTALL)
"""A table that is made here: the name of the table, and what stands there now."""
BOTH = "both: two of three patients, the third (**proxy labels** on three of four sections)"
EXPRESSION, PUBLISHED = "a: her2st expression", "spacrd-published"
TITLES = {
    EXPRESSION: "expression: four of five HER2-positive breast sections, the fifth",
    "b: her2st image + expression (handcrafted)": BOTH,
    "b: her2st image + expression (tf_efficientnet_lite0)": "the same with `tf_efficientnet_lite0`",
    "c: Xenium quadrants": "expression: three quadrants of a Xenium breast section, the fourth",
    "d: PDAC-A strips": "expression: two of three strips of a pancreatic tumour (PDAC-A), the third",
    "e: her2st to Xenium cells": "expression: the five breast sections, cells of the Xenium section",
    "e: her2st to Xenium pseudo-spots": "the same, cells added up to spots of 55 um",
    "e: her2st to PDAC-A": "expression: the five breast sections, PDAC-A",
    "f: block A image": "image: eight blocks of a Visium breast section, the ninth",
}
"""What is fitted on and scored in the tasks that have an AUC."""
SYSTEMS = {
    "SpaCell-Plus": ("spacell-plus", "spacell-plus-expression"),
    "TESLA": ("tesla", "tesla-training-markers"),
    "Spatial-ID": ("spatial-id",),
    "STAGE": ("stage", "stage-one-class"),
    "MEATRD": ("meatrd", "meatrd-both"),
    "STANDS": ("stands", "stands-both"),
    "SimpleNet": ("simplenet",),
    "iStar": ("istar",),
}
"""Published systems, and the rows that are ours of them; of two, the better one on a task is shown."""


def margin_table(frame: pd.DataFrame) -> str:
    """AUC of the default, of the best simple rival and of the authors' recipe, and the margin, task by task."""
    published = published_auc(frame)
    lines = ["| fitted on, scored | `default` | best simple rival | margin (95 % interval) | `published` |"]
    lines.append("|---|---|---|---|---|")
    for task, row in margins(frame).iterrows():
        interval = "one section"
        if np.isfinite(row["from"]):
            low, high = three_digits(row["from"], "+"), three_digits(row["to"], "+")
            interval = f"{low} to {high}, {row['sections']} sections"
        best = f"`{row['best simple rival']}` {three_digits(row['its AUC'])}"
        cells = [TITLES[task], three_digits(row["AUC of spacrd"]), best]
        cells.append(f"{three_digits(row['margin'], '+')} ({interval})")
        needed = cost(frame, PUBLISHED, task)
        not_run = f"not run ({needed})" if needed else "not run"
        cells.append(three_digits(published[task]) if task in published else not_run)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_auc(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean AUC over sections, tasks by rivals; NaN where a rival did not run."""
    ran = frame[(frame["status"] == "ok") & frame["task"].isin(TITLES)]
    return ran.pivot_table(index="task", columns="rival", values="auc", sort=False)


def published_auc(frame: pd.DataFrame) -> pd.Series:
    """Mean AUC of the authors' recipe by task; where it is no rival, that of ``benchmarks.her2st expression``."""
    found = mean_auc(frame).get(PUBLISHED, pd.Series(dtype=float)).dropna()
    rows = pd.read_csv(HERE / "results" / "her2st_expression.csv")
    rows = rows[rows["model"] == "published"]
    return found if EXPRESSION in found else pd.concat([found, pd.Series({EXPRESSION: rows["auc"].mean()})])


def system_table(frame: pd.DataFrame) -> str:
    """Mean AUC of depth, the best simple rival, spacrd and every published system on every task."""
    auc, found = mean_auc(frame), margins(frame)
    rows = {"spacrd": auc["spacrd"], "best simple rival": found["its AUC"], "depth": auc.get("depth")}
    for system, names in SYSTEMS.items():
        rows[system] = auc[[name for name in names if name in auc]].max(axis=1)
    rows["SpaCRD"] = published_auc(frame)
    table = pd.DataFrame(rows).T.reindex(columns=[task for task in TITLES if task in auc.index])
    letters = {task: task.replace("her2st to ", "").replace("tf_efficientnet_", "") for task in table}
    return markdown(table.rename(columns=letters).rename_axis("mean AUC"))


TABLES: dict[str, Callable[[pd.DataFrame], str]] = {"margins": margin_table, "systems": system_table}


def with_tables(text: str, frame: pd.DataFrame) -> str:
    """Put the tables into the text of a page."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](frame)}\n\n{found[3]}", text)


def write_pages(frame: pd.DataFrame, root: Path = ROOT) -> None:
    """Make the tables of all pages anew."""
    for name in PAGES:
        page = root / name
        page.write_text(with_tables(page.read_text(), frame))
