"""Accuracy and CPU time of one network in float32 and with bfloat16 products.

``python -m benchmarks.precision`` fits and scores with image and expression, one patient left out over A1
(pathologist's labels), B4, C2 and C3 (PROXY labels, which are no ground truth), and prints a table.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
from benchmarks.recipe import NETWORK
from benchmarks.sections import IMAGE_REP, PROTOCOLS, section
from sklearn.metrics import roc_auc_score

import spacrd

NAMES = PROTOCOLS["multimodal"]


def row(held_out: str, precision: str) -> dict[str, float | str]:
    """Fit without a patient, score the section."""
    sections = {name: section(name, "handcrafted") for name in NAMES}
    train = [sdata for name, sdata in sections.items() if name[0] != held_out[0]]
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"positive": "cancer", "image_rep": IMAGE_REP, "recipe": NETWORK}
        model = spacrd.tl.fit(train, "cancer", precision=precision, **options)
        table = spacrd.tl.score(sections[held_out], model, precision=precision, copy=True)["table"]
    spent = time.process_time() - start
    likelihood = table.obs["spacrd_likelihood"].to_numpy()
    known = table.obs["cancer"].notna().to_numpy() & np.isfinite(likelihood)
    auc = roc_auc_score(table.obs["cancer"][known] == "cancer", likelihood[known])
    return {"precision": precision, "section": held_out, "auc": float(auc), "cpu_s": spent}


def main() -> None:
    spacrd.settings.progress = False
    rows = pd.DataFrame([row(name, precision) for name in NAMES for precision in ("32-true", "bf16-mixed")])
    print(rows.pivot_table(index="precision", columns="section", values="auc").round(4))
    print(rows.groupby("precision")[["auc", "cpu_s"]].mean().round(4))


if __name__ == "__main__":
    main()
