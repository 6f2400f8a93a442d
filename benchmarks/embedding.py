"""How well ``X_spacrd`` separates the classes of a pathologist, beside principal components of the same section.

    python -m benchmarks.embedding            # a minute of one core
    python -m benchmarks.embedding --table    # the table of the stored rows, computes nothing

Sections of her2st, expression alone, each embedded by a model of the four others that saw none of its labels. Principal
components are scanpy's usual ones of the section itself (1e4 counts, log1p, 3000 variable genes), as many as
``X_spacrd`` has columns. Silhouette (-1 to 1) of all annotated classes, and of cancer against the rest; in the space
itself and in a UMAP of it. ``undetermined`` spots are left out. Rows go to ``benchmarks/results/embedding.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import scanpy as sc
from benchmarks.rivals_table import markdown
from benchmarks.sections import HERE, PROTOCOLS, section, stored_rows
from sklearn.metrics import silhouette_score

import spacrd

FOUND = HERE / "results" / "embedding.csv"


def components(table: Any, number: int) -> np.ndarray:
    """Principal components of log-normalised counts, as scanpy's tutorials make them."""
    made = table.copy()
    sc.pp.normalize_total(made, target_sum=1e4)
    sc.pp.log1p(made)
    sc.pp.highly_variable_genes(made, n_top_genes=3000)
    sc.pp.pca(made, n_comps=number, random_state=0)
    return made.obsm["X_pca"]


def umap(table: Any, key: str) -> np.ndarray:
    """UMAP of an embedding, with scanpy's defaults."""
    made = table.copy()
    sc.pp.neighbors(made, use_rep=key, random_state=0)
    sc.tl.umap(made, random_state=0)
    return made.obsm["X_umap"]


def measure() -> Iterator[dict[str, Any]]:
    """A row for each section and embedding."""
    names = PROTOCOLS["expression"]
    for held_out in names:
        train = [section(name) for name in names if name != held_out]
        model = spacrd.tl.fit(train, "cancer", positive="cancer", modality="expression")
        table = spacrd.tl.score(section(held_out), model, copy=True)["table"]
        table.obsm["X_pca"] = components(table, table.obsm["X_spacrd"].shape[1])
        text, cancer = table.obs["pathologist"], table.obs["cancer"]
        kept = (text.notna() & (text != "undetermined")).to_numpy()
        for name, key in (("X_spacrd", "X_spacrd"), ("principal components", "X_pca")):
            row: dict[str, Any] = {"section": held_out, "embedding": name, "columns": table.obsm[key].shape[1]}
            for where, values in (("", table.obsm[key]), (", UMAP", umap(table, key))):
                row[f"classes{where}"] = silhouette_score(values[kept], text[kept].astype(str))
                row[f"cancer{where}"] = silhouette_score(values[kept], cancer[kept].astype(str))
            yield row


def main() -> None:
    frame = stored_rows(__doc__, measure, FOUND)
    mean = frame.drop(columns="section").groupby("embedding").mean().rename(index=lambda name: f"{name}, mean")
    frame.index = frame.pop("section") + ", " + frame.pop("embedding")
    print(markdown(pd.concat([frame, mean]).rename_axis("section")))


if __name__ == "__main__":
    main()
