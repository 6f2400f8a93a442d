"""What ``test_same_seed.py`` runs, here and in a process of its own: ``python hashes.py FILE``."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import spacrd
from tests.making.recipes import small_recipe
from tests.making.toys import POSITIVE

SHORT = {"alignment_epochs": 2, "vae_epochs": 1, "fusion_epochs": 2, "min_steps": 0, "members": 2, "batch_size": 32}
CHEAP = {"baselines": "concatenation MLP", "threshold": 0.5}
RECIPES = {
    "default": "default",
    **{name: small_recipe(name, **SHORT) for name in ("networks", "published")},
}


def digest(value: Any) -> str:
    """Hash of every bit."""
    columns = [value[name] for name in value] if isinstance(value, pd.DataFrame) else [value]
    found = hashlib.sha256()
    for column in map(np.asarray, columns):
        found.update((column.astype(str) if column.dtype.kind == "O" else np.ascontiguousarray(column)).tobytes())
    return found.hexdigest()


def run() -> dict[str, str]:
    """Hashes of what every call gives."""
    sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=90, mpp=2.0, seed=seed) for seed in range(3)]
    found = {}
    for sdata in sections:
        spacrd.pp.extract_patches(sdata)
    tables = [sdata["table"] for sdata in sections]
    found["extract"] = digest(np.vstack([table.obsm["X_handcrafted"] for table in tables]))
    for name, recipe in RECIPES.items():
        model = spacrd.tl.fit(sections[:2], "pathologist", positive=POSITIVE, recipe=recipe, n_top_genes=60, seed=7)
        for key, values in model.parts.tensors().items():
            found[f"{name} weights {key}"] = digest(values.numpy())
        found[f"{name} contract"] = digest(json.dumps(model.config.to_dict()))
        found[f"{name} history"] = digest(json.dumps(model.history))
        new, table = sections[2], tables[2]
        spacrd.tl.score(new, model, key_added=name)
        results = [f"{name}_{part}" for part in ("likelihood", "uncertainty", "region")]
        found[f"{name} score"] = digest(table.obs[results])
        found[f"{name} latent"] = digest(table.obsm[f"X_{name}"])
        found[f"{name} report"] = digest(json.dumps(table.uns["spacrd"][name], default=np.ndarray.tolist))
        spacrd.tl.threshold(new, key=name)
        found[f"{name} threshold"] = digest(table.obs[[f"{name}_region"]])
        spacrd.tl.threshold(new, key=name, method=float(np.median(table.obs[f"{name}_likelihood"])))
        outlines = spacrd.tl.regions(new, key=name)
        assert len(outlines)
        found[f"{name} regions"] = digest(outlines.geometry.to_wkb().tolist())
        found[f"{name} distance"] = digest(table.obs[[f"{name}_boundary_distance"]])
        held_out = spacrd.tl.cross_validate(
            sections[1:], "pathologist", positive=POSITIVE, recipe=recipe, modality="expression", **CHEAP
        )
        found[f"{name} cross_validate"] = digest(held_out.likelihoods)
        found[f"{name} metrics"] = digest(held_out.metrics)
    return found


if __name__ == "__main__":
    spacrd.settings.progress = False
    warnings.simplefilter("ignore")
    Path(sys.argv[1]).write_text(json.dumps(run()))
