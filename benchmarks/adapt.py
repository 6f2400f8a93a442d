"""What a few annotated spots of a section bring: calls and ranking, by their number and how they are chosen.

    python -m benchmarks.adapt            # some minutes of one core
    python -m benchmarks.adapt --table    # the table of the stored rows, computes nothing

Expression alone, the default recipe. Sections of her2st are scored by a model of the other four, Xenium and PDAC-A by
one of all five; then some of its spots are annotated with their own labels and it is adapted to them. All numbers are
of the spots that were not annotated. ``random``: drawn of all; ``spread``: as ``tl.suggest_spots`` draws them;
``uncertain``: those whose likelihood is nearest to 0.5. "Normal spots" are those of the five sections that are not
cancer, as sections of their own. Rows are written to ``benchmarks/results/adapt.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from anndata import AnnData
from benchmarks.calls import OTHERS, SECTIONS, Row, compare, fit, table
from benchmarks.sections import HERE, stored_rows
from scipy.special import expit, logit

import spacrd

NUMBERS = (10, 20, 50)
SEEDS = range(10)
WAYS = ("random", "spread", "uncertain")
FOUND = HERE / "results" / "adapt.csv"


def cases() -> Iterator[tuple[str, AnnData, spacrd.SpaCRD]]:
    """Yield name, section and model of each case."""
    for held_out in SECTIONS:
        model, made = fit([table(name) for name in SECTIONS if name != held_out]), table(held_out)
        yield held_out, made, model
        normal = made.obs["cancer"].isin(["other", "undetermined"]).to_numpy()
        yield f"{held_out}, normal spots", made[normal].copy(), model
    model = fit([table(name) for name in SECTIONS])
    for name in OTHERS:
        yield name, table(name), model


def choose(scored: AnnData, n: int, way: str, seed: int) -> pd.Index:
    """Choose labelled spots to annotate."""
    labelled = scored[scored.obs["cancer"].notna().to_numpy()]
    if way == "spread":
        return spacrd.tl.suggest_spots(labelled, n, seed=seed)
    if way == "random":
        return labelled.obs_names[np.random.default_rng(seed).choice(labelled.n_obs, n, replace=False)]
    return (labelled.obs["spacrd_likelihood"] - 0.5).abs().nsmallest(n).index


def rest(scored: AnnData, names: pd.Index) -> AnnData:
    """Take away the labels of the annotated spots, so that they are not measured."""
    scored.obs["cancer"] = scored.obs["cancer"].where(~scored.obs_names.isin(names))
    return scored


def measure() -> Iterator[Row]:
    """Measure every case with each number of annotated spots."""
    for name, made, model in cases():
        scored = spacrd.tl.score(made, model, copy=True, on_mismatch="warn", on_shift="warn")
        for n in NUMBERS:
            if 2 * n > scored.obs["cancer"].notna().sum():
                continue
            for way in WAYS:
                for seed in SEEDS if way != "uncertain" else (0,):
                    names = choose(scored, n, way, seed)
                    few = made.copy()
                    few.obs["few"] = few.obs["cancer"].where(few.obs_names.isin(names))
                    spacrd.tl.adapt(few, model, "few", positive="cancer", on_mismatch="warn")
                    for adapted, result in ((False, scored.copy()), (True, few)):
                        row = compare(rest(result, names))
                        yield {"section": name, "n_labelled": n, "way": way, "seed": seed, "adapted": adapted, **row}
        print(name, flush=True)


def markdown(frame: pd.DataFrame) -> str:
    """Make the tables: mean over sections with cancer, and over sections of normal spots."""
    expected = expit((logit(frame["share_low"]) + logit(frame["share_high"])) / 2)  # the middle of the interval
    frame = frame.assign(
        expected_error=(expected - frame["share"]).abs(), called_error=(frame["called"] - frame["share"]).abs()
    )
    frame["normal"] = frame["section"].str.contains("normal")
    heads = ["AUC", "F1 at own cut", "error of expected share", "error of called share", "Brier", "normal spots called"]
    lines = [f"| annotated spots | chosen | {' | '.join(heads)} |", "|---|---|---|---|---|---|---|---|"]
    names = ["auc", "f1", "expected_error", "called_error", "brier"]
    for (n, way), part in frame.groupby(["n_labelled", "way"], sort=False):
        means = {
            adapted: [*rows[~rows["normal"]].groupby("section")[names].mean().mean()]
            + [rows[rows["normal"]].groupby("section")["called"].mean().mean()]
            for adapted, rows in part.groupby("adapted")
        }
        cells = [f"{after:.3f} ({before:.3f})" for before, after in zip(means[False], means[True], strict=True)]
        lines.append(f"| {n} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    print(markdown(stored_rows(__doc__, measure, FOUND)))


if __name__ == "__main__":
    main()
