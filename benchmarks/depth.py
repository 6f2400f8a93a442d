"""How sequencing depth misleads: depth alone, and a linear model with and without the direction of the mean expression.

    python -m benchmarks.depth            # a minute of one core
    python -m benchmarks.depth --table    # the table of the stored rows, computes nothing

Expression alone. Sections of her2st are scored by a model of the other four, Xenium and PDAC-A by one of all five.
``depth`` is the number of counts of a spot, without labels or fit. ``with`` is the default recipe whose discriminant
keeps the direction of the mean expression, ``without`` the default as it is; both from the same fit. "Counts in cancer"
is the median of cancer spots over that of the others. Rows are written to ``benchmarks/results/depth.csv``, which
``docs/figures/depth.py`` draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.rivals_table import markdown
from benchmarks.rivals_tasks import leave_one_out, sections_of, transfer_folds
from benchmarks.sections import HERE, PROTOCOLS, stored_rows
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import spacrd

FOUND = HERE / "results" / "depth.csv"


def keep_mean(model: spacrd.SpaCRD) -> spacrd.SpaCRD:
    """Copy a model whose discriminants keep the direction of the mean features."""
    voters = model.parts.voters
    kept = tuple(replace(found, mean=np.zeros_like(found.mean)) for found in voters.discriminants)
    changed = copy(model)
    changed.parts = replace(model.parts, voters=replace(voters, discriminants=kept))
    return changed


def measure() -> Iterator[dict[str, Any]]:
    """One row for each scored section."""
    stored = sections_of("e", Path())
    for fold in [*leave_one_out("", PROTOCOLS["expression"]), *transfer_folds()]:
        model = spacrd.rivals.get("spacrd").fit([stored[name].arrays for name in fold.training]).model
        for name in fold.held_out:
            arrays = stored[name].arrays
            labelled = ~np.isnan(arrays.target)
            cancer, depth = arrays.target[labelled] == 1, np.asarray(arrays.counts.sum(axis=1)).ravel()[labelled]
            row = {"section": name, "counts in cancer": np.median(depth[cancer]) / np.median(depth[~cancer])}
            row["depth"] = roc_auc_score(cancer, depth)
            unlabelled = spacrd.rivals.without_labels(arrays)
            for way, used in (("with", keep_mean(model)), ("without", model)):
                likelihood = used.predict(unlabelled).likelihood[labelled]
                row[way] = roc_auc_score(cancer, likelihood)
                row[f"{way}: rank correlation with depth"] = spearmanr(likelihood, depth).statistic
            yield row


def main() -> None:
    print(markdown(stored_rows(__doc__, measure, FOUND).set_index("section")))


if __name__ == "__main__":
    main()
