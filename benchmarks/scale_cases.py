"""Large made-up sections, and the work on them that ``scale.py`` measures, each in a process of its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import psutil
import zarr
from scipy.sparse import csr_matrix

import spacrd

STEP = 50_000
DENSITY = 10
"""One gene in so many is seen in a spot."""


def counts(rng: np.random.Generator, n: int, n_genes: int, one_in: int = DENSITY) -> csr_matrix:
    """One gene of each ``one_in`` in every spot."""
    k = n_genes // one_in
    indices = (np.arange(k) * one_in + rng.integers(0, one_in, (n, k))).astype(np.int32)
    data = (1 + rng.poisson(1.0, n * k)).astype(np.float32)
    return csr_matrix((data, indices.ravel(), np.arange(n + 1) * k), shape=(n, n_genes))


def table(n: int, n_genes: int, *, seed: int = 0, stored: Path | None = None, dim: int = 1024) -> ad.AnnData:
    """Spots on a grid in rows; with ``stored``, counts and embedding lie in a zarr there, else in memory."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    obs = pd.DataFrame({"label": np.where(column < side / 2, "cancer", "normal")}, index=pd.RangeIndex(n).astype(str))
    var = pd.DataFrame(index=[f"g{i}" for i in range(n_genes)])
    if stored is None:
        made = ad.AnnData(counts(rng, n, n_genes), obs=obs, var=var)
        made.obsm["X_made"] = rng.standard_normal((n, dim), dtype=np.float32)
    else:
        group = write(stored, rng, n, n_genes, dim) if not stored.exists() else zarr.open_group(stored, mode="r")
        made = ad.AnnData(ad.io.sparse_dataset(group["X"]), obs=obs, var=var)
        made.obsm["X_made"] = group["features"]
    made.obsm["spatial"] = np.column_stack([column, row]) * 10.0
    made.uns["spacrd"] = {"X_made": {"encoder": "made", "patch_um": 55.0, "sections": {}}}
    return made


def write(path: Path, rng: np.random.Generator, n: int, n_genes: int, dim: int) -> zarr.Group:
    """Counts as AnnData writes them, and features, block by block."""
    group = zarr.open_group(path, mode="w")
    features = group.create_array("features", shape=(n, dim), chunks=(4096, dim), dtype="float32", compressors=None)
    for start in range(0, n, STEP):
        stop = min(n, start + STEP)
        features[start:stop] = rng.standard_normal((stop - start, dim), dtype=np.float32)
        block = counts(rng, stop - start, n_genes)
        if start:
            ad.io.sparse_dataset(group["X"]).append(block)
        else:
            ad.io.write_elem(group, "X", block)
    return group


def save(path: str, n_genes: int, recipe: str) -> dict[str, float]:
    """Save a model with the full sizes of a recipe, its networks trained for one epoch, of two small sections."""
    from spacrd.model import RECIPES

    sections = [table(400, n_genes, seed=seed) for seed in (1, 2)]
    epochs = {"max_epochs": 1} if RECIPES[recipe].members else {}
    spacrd.tl.fit(sections, "label", positive="cancer", recipe=recipe, n_top_genes=n_genes, **epochs).save(path)
    return {}


class Peak:
    """Largest resident memory of this process while the context is open, in bytes above that at its start."""

    def __enter__(self) -> Peak:
        self.process, self.open = psutil.Process(), True
        self.start = self.total = self.process.memory_info().rss
        self.cpu = time.process_time()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while self.open:
            self.total = max(self.total, self.process.memory_info().rss)
            time.sleep(0.005)

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self.cpu
        self.open = False
        self.thread.join()

    def result(self, n: int) -> dict[str, float]:
        """Figures for the table."""
        extra = self.total - self.start
        found = {"cpu_s": self.cpu, "us_per_spot": 1e6 * self.cpu / n, "peak_gib": self.total / 2**30}
        return {"n": n, **found, "extra_kb_per_spot": extra / n / 1e3}


def score(n: int, model: str, stored: str | None) -> dict[str, float]:
    """Score one section with a saved model."""
    fitted = spacrd.SpaCRD.load(model)
    n_genes = len(fitted.config.expression.genes)
    spacrd.tl.score(table(100, n_genes), fitted)  # loads the libraries, which are no part of the memory per spot
    data = table(n, n_genes, stored=Path(stored) if stored else None)
    with Peak() as peak:
        spacrd.tl.score(data, fitted)
    return peak.result(n)


def fit(n: int, recipe: str) -> dict[str, float]:
    """Fit two sections of half the size with a recipe; for one network, CPU time of an epoch beside that of all."""
    from benchmarks.recipe import NETWORK

    from spacrd._torchvision import import_torchvision

    import_torchvision()  # before Lightning, which dies of a torchvision of another build
    from lightning.pytorch import Callback

    class Clock(Callback):
        spent: tuple[float, ...] = ()

        def on_train_epoch_start(self, *_: object) -> None:
            self.began = time.process_time()

        def on_train_epoch_end(self, *_: object) -> None:
            self.spent += (time.process_time() - self.began,)

    sections = [table(n // 2, 3000, seed=seed) for seed in (1, 2)]
    clock = Clock()
    trained: dict[str, Any] = {"recipe": NETWORK, "max_epochs": 2, "callbacks": [clock]}
    with Peak() as peak:
        spacrd.tl.fit(sections, "label", positive="cancer", **(trained if recipe == "network" else {"recipe": recipe}))
    spent = {"epoch_us_per_spot": 1e6 * float(np.median(clock.spent)) / n} if clock.spent else {}
    return peak.result(n) | spent
