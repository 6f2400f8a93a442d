"""Which sections a model says are unlike its training sections, for every set of one to five sections of her2st.

    python -m benchmarks.shift            # about five minutes of one core
    python -m benchmarks.shift --table    # the table of the stored rows, computes nothing

Expression alone, the default recipe. "her2st, other patient": the sections that the model was not fitted on. Xenium
(cells of a breast tumour) is another platform, PDAC another organ, and the mouse, a Visium section of placenta whose
gene names are put in upper case so that they match, another organism. No label is read but to fit. The limits were set
on these sections, except for the mouse. Rows are written to ``benchmarks/results/shift.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pandas as pd
import scanpy as sc
from anndata import AnnData
from benchmarks.calls import OTHERS, SECTIONS, Row, fit, table
from benchmarks.sections import DATA, HERE, stored_rows

import spacrd

FOUND = HERE / "results" / "shift.csv"
FACTS = ("expression_distance", "expression_limit", "panel_coverage", "decision_coverage", "unknown_counts")


def mouse() -> AnnData:
    """Read the mouse placenta, with human spelling of its genes."""
    folder = DATA.parent / "visium_mouse_placenta"
    made = sc.read_10x_h5(folder / "filtered_feature_bc_matrix.h5")
    made.var_names = made.var_names.str.upper()
    made.var_names_make_unique()
    positions = pd.read_csv(folder / "spatial" / "tissue_positions.csv", index_col="barcode").loc[made.obs_names]
    made.obsm["spatial"] = positions[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(float)
    return made


def measure() -> Iterator[Row]:
    """Score all sections but those that the model was fitted on."""
    others = {**{name: table(name) for name in OTHERS}, "mouse": mouse()}
    for n_training in range(1, len(SECTIONS) + 1):
        for training in combinations(SECTIONS, n_training):
            model = fit([table(name) for name in training])
            scored = {name: table(name) for name in SECTIONS if name not in training} | others
            for name, made in scored.items():
                result = spacrd.tl.score(made, model, copy=True, on_mismatch="warn")
                (report,) = result.uns["spacrd"]["spacrd"]["sections"].values()
                kind = {"n_training": n_training, "training": " ".join(training), "section": name}
                yield kind | {key: report[key] for key in ("shift", *FACTS, "shift_reason")}
        print(f"{n_training} training sections", flush=True)


def markdown(frame: pd.DataFrame) -> str:
    """Make the table: how many fire, and the range of the distance, by the number of training sections."""
    frame = frame.assign(scored=frame["section"].where(~frame["section"].isin(SECTIONS), "her2st, other patient"))
    lines = ["| scored | " + " | ".join(f"{n} training" for n in range(1, 6)) + " | distance |", "|---|" + "---|" * 6]
    for name, part in frame.groupby("scored", sort=False):
        of = part.groupby("n_training")["shift"].agg(["sum", "size"]).reindex(range(1, 6), fill_value=0)
        cells = [f"{fired} of {size}" if size else "-" for fired, size in of.to_numpy()]
        distance = part["expression_distance"]
        lines.append(f"| {name} | {' | '.join(cells)} | {distance.min():.2f} to {distance.max():.2f} |")
    return "\n".join(lines)


def main() -> None:
    print(markdown(stored_rows(__doc__, measure, FOUND)))


if __name__ == "__main__":
    main()
