"""What less data costs: few training sections, little tumour, few genes.

    python -m benchmarks.less_data            # some minutes of one core
    python -m benchmarks.less_data --table    # the tables of the stored rows, computes nothing

Expression of her2st alone (A1 B1 C1 E1 G2, pathologist's labels), the default recipe beside two simple rivals. Each
scored section is held out from what is fitted.

sections: fitted on one section (each), on two (all pairs) or on four, scored on all others.
tumour: of the scored section only a compact focus of cancer is left, the spots nearest to one drawn at random (three
draws), so that cancer is 5 or 15 % of the spots; "all" is the whole section.
panel: the scored section has only 300, 500 or 1000 random genes (two draws), or those of the Xenium panel.
``solved``: a fit on all genes, solved for the panel. ``refit``: a fit on the panel.

Rows are written to ``benchmarks/results/less_data.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.rivals_sections import her2st, xenium_cells
from benchmarks.sections import HERE, PROTOCOLS, stored_rows
from sklearn.metrics import roc_auc_score

import spacrd
from spacrd.features import SectionArrays
from spacrd.rivals._inputs import take

FOUND = HERE / "results" / "less_data.csv"
NAMES = PROTOCOLS["expression"]
RIVALS = ("spacrd", "logistic neighbourhood genes", "depth")
SHARES, FOCI = (0.05, 0.15), 3
PANELS, PANEL_DRAWS = (300, 500, 1000), 2


@cache
def section(name: str) -> SectionArrays:
    return her2st(name).arrays


def others(held_out: str) -> list[SectionArrays]:
    return [section(name) for name in NAMES if name != held_out]


def auc(fitted: Any, scored: SectionArrays) -> float:
    found = fitted.score(spacrd.rivals.without_labels(scored)).score
    kept = np.isfinite(scored.target)
    return float(roc_auc_score(scored.target[kept] == 1, found[kept]))


def sections() -> Iterator[dict[str, Any]]:
    """Fit on one, two and four sections."""
    for number in (1, 2, 4):
        for names in combinations(NAMES, number):
            for rival in RIVALS:
                fitted = spacrd.rivals.get(rival).fit([section(name) for name in names])
                for name in (name for name in NAMES if name not in names):
                    what = {"study": "sections", "setting": str(number), "rival": rival, "draw": " ".join(names)}
                    yield what | {"section": name, "auc": auc(fitted, section(name))}


def focus(whole: SectionArrays, share: float, seed: int) -> SectionArrays:
    """Leave out cancer spots but those nearest to a random one, until they are a share of the section."""
    cancer, normal = np.flatnonzero(whole.target == 1), np.flatnonzero(whole.target != 1)
    number = min(len(cancer), max(3, round(share / (1 - share) * len(normal))))
    middle = whole.xy[np.random.default_rng(seed).choice(cancer)]
    nearest = cancer[np.argsort(np.linalg.norm(whole.xy[cancer] - middle, axis=1), kind="stable")[:number]]
    return take(whole, np.sort(np.r_[normal, nearest]))


def tumour() -> Iterator[dict[str, Any]]:
    """Score sections with a small focus of cancer."""
    for name in NAMES:
        for rival in RIVALS:
            fitted, what = spacrd.rivals.get(rival).fit(others(name)), {"study": "tumour", "rival": rival}
            yield what | {"setting": "all", "draw": "0", "section": name, "auc": auc(fitted, section(name))}
            for share in SHARES:
                for seed in range(FOCI):
                    found = auc(fitted, focus(section(name), share, seed))
                    yield what | {"setting": f"{share:.0%}", "draw": str(seed), "section": name, "auc": found}


def panel(whole: SectionArrays, genes: np.ndarray) -> SectionArrays:
    kept = np.isin(whole.genes, genes)
    return replace(whole, counts=whole.counts[:, kept], genes=whole.genes[kept])


def panels() -> Iterator[dict[str, Any]]:
    """Score sections of which few genes were measured."""
    shared = np.array(sorted(set.intersection(*(set(section(name).genes) for name in NAMES))))
    drawn = {
        (f"{number} genes", str(seed)): np.random.default_rng(seed).choice(shared, number, replace=False)
        for number in PANELS
        for seed in range(PANEL_DRAWS)
    }
    drawn["Xenium panel", "0"] = xenium_cells()[0].arrays.genes
    for name in NAMES:
        for rival in RIVALS[:2]:
            made = spacrd.rivals.get(rival)
            whole = made.fit(others(name))
            for (setting, draw), genes in drawn.items():
                few = panel(section(name), genes)
                what = {"study": "panel", "rival": rival, "setting": setting, "draw": draw, "section": name}
                yield what | {"way": "solved", "auc": auc(whole, few)}
                refit = made.fit([panel(other, genes) for other in others(name)])
                yield what | {"way": "refit", "auc": auc(refit, few)}


def tables(frame: pd.DataFrame) -> str:
    """Mean AUC and the worst of all scored sections, settings by rivals; in a table for each study."""
    parts = []
    for study, part in frame.fillna({"way": ""}).groupby("study", sort=False):
        part = part.assign(column=(part["rival"] + " " + part["way"]).str.strip())
        found = part.groupby(["setting", "column"], sort=False)["auc"].agg(["mean", "min", "size"])
        cells = found.apply(lambda row: f"{row['mean']:.3f} ({row['min']:.3f})", axis=1).unstack("column")
        cells = cells.loc[list(dict.fromkeys(part["setting"])), list(dict.fromkeys(part["column"]))]
        cells.insert(0, "values", found["size"].groupby("setting").max())
        lines = [f"| {study} | {' | '.join(cells)} |", "|---|" + "---|" * cells.shape[1]]
        lines += [
            f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(cells.index, cells.values, strict=True)
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def measure() -> Iterator[dict[str, Any]]:
    """Measure all three studies."""
    for study in (sections, tumour, panels):
        yield from study()


def main() -> None:
    print(tables(stored_rows(__doc__, measure, FOUND)))


if __name__ == "__main__":
    main()
