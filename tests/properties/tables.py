"""Any table a user may bring: drawn as a few choices, so that a failing one shrinks to the choice that matters."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy import sparse

CANCER = "invasive cancer"
N_GENES = 40
LIKELY = 0.85
"""Probability of the usual value of a choice, so that most tables are odd in one or two ways only."""


def mostly(usual: Any, *odd: Any) -> st.SearchStrategy[Any]:
    """The usual value, or one of the odd ones; the usual is what a failing example shrinks to."""
    share = max(1, round(len(odd) * LIKELY / (1 - LIKELY)))
    return st.sampled_from([usual] * share + list(odd))


CHOICES = {
    "n": st.one_of(mostly(36, 0, 1, 2, 3, 5, 6, 7, 8, 90, 500), st.integers(0, 60)),
    "seed": st.integers(0, 99),
    "layout": mostly(
        "grid", "one place", "pairs", "isolated", "line", "some NaN", "all NaN", "infinite", "far", "tiny",
        "three axes", "one axis", "whole numbers", "frame", "none",
    ),
    "form": mostly("csr", "dense", "csc", "coo", "csr_array", "csc_array", "fortran"),
    "dtype": mostly(
        "float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "bool",
    ),
    "counts": mostly(
        "counts", "all zero", "constant", "zero genes", "constant genes", "empty spots", "huge", "negative", "NaN",
        "infinite", "logged", "fractions", "one count", "no X",
    ),
    "genes": mostly("g", "shuffled", "few", "one", "none", "other", "mouse", "twice", "numbers", "more"),
    "where": mostly("memory", "view", "view of genes", "layer", "backed"),
    "embedding": mostly(
        "float32", "none", "float64", "float16", "int64", "some NaN", "all NaN", "infinite", "constant", "wide", "flat",
        "frame", "sparse", "bool", "text",
    ),
    "labels": mostly("text", "category", "string", "arrow", "bool", "boolean", "Int64", "float", "category of numbers"),
    "known": mostly("both", "one class", "other class", "none", "some", "one spot"),
    "libraries": mostly("one", "two", "one and the rest", "each", "with NaN", "category", "unused category"),
    "uns": mostly("recorded", "no record", "text", "odd record"),
    "names": mostly("unique", "twice", "numbers"),
}  # fmt: skip
tables = st.fixed_dictionaries(CHOICES)


def build(spec: dict[str, Any]) -> tuple[ad.AnnData, list[Any], dict[str, Any]]:
    """A table, everything that a call on it must leave alone, and arguments that go with it."""
    rng = np.random.default_rng(spec["seed"])
    n = spec["n"]
    side = max(1, int(np.ceil(np.sqrt(n))))
    row, column = np.divmod(np.arange(n), side)
    cancer = column < side / 2
    genes = _genes(spec["genes"])
    values = _counts(spec["counts"], rng, cancer, len(genes))
    table = ad.AnnData(
        None if spec["counts"] == "no X" else _stored(values, spec),
        obs=pd.DataFrame(index=_spots(spec["names"], n)),
        var=pd.DataFrame(index=genes),
    )
    table.obs["label"] = _labels(spec, cancer, rng)
    place = _places(spec["layout"], np.column_stack([column, row]) * 100.0, table.obs_names)
    if place is not None:
        table.obsm["spatial"] = place
    embedding = _embedding(spec["embedding"], rng, cancer, table.obs_names)
    if embedding is not None:
        table.obsm["X_mine"] = embedding
    if (record := _record(spec["uns"])) is not None:
        table.uns["spacrd"] = record
    arguments: dict[str, Any] = {}
    if spec["libraries"] != "one":
        table.obs["library"] = _libraries(spec["libraries"], n)
        arguments["library_key"] = "library"
    return _placed(table, spec["where"], arguments)


def _placed(table: ad.AnnData, where: str, arguments: dict[str, Any]) -> tuple[ad.AnnData, list[Any], dict[str, Any]]:
    if where == "layer" and table.X is not None:
        table.layers["counts"], arguments["layer"] = table.X.copy(), "counts"
        table.X = np.full(table.shape, -1.0, np.float32)
    if where == "view" and table.n_obs:
        return table[1:], [table], arguments
    if where == "view of genes" and table.n_vars:
        return table[:, 1:], [table], arguments
    if where == "backed" and table.X is not None:
        path = Path(tempfile.mkdtemp(prefix="spacrd-")) / "table.h5ad"
        try:
            table.write_h5ad(path)
        except (TypeError, ValueError, NotImplementedError, RuntimeError):  # anndata cannot store every table
            return table, [table], arguments
        return ad.read_h5ad(path, backed="r"), [], arguments
    return table, [table], arguments


def _spots(kind: str, n: int) -> list[str]:
    if kind == "twice":
        return [f"s{i // 2}" for i in range(n)]
    return [str(i) if kind == "numbers" else f"spot_{i}" for i in range(n)]


def _genes(kind: str) -> list[str]:
    every = [f"g{i}" for i in range(N_GENES)]
    return {
        "shuffled": every[::-1],
        "few": every[:5],
        "one": every[:1],
        "none": [],
        "other": [f"x{i}" for i in range(N_GENES)],
        "mouse": [name.capitalize() for name in every],
        "twice": [every[0], *every[:-1]],
        "numbers": [str(i) for i in range(N_GENES)],
        "more": every + [f"x{i}" for i in range(20)],
    }.get(kind, every)


def _counts(kind: str, rng: np.random.Generator, cancer: np.ndarray, width: int) -> np.ndarray:
    rate = np.full((len(cancer), width), 2.0)
    rate[cancer, :10] *= 3
    values = rng.poisson(rate).astype(np.float64)
    if kind in ("all zero", "constant", "one count"):
        values[:] = {"all zero": 0, "constant": 3, "one count": 0}[kind]
        if kind == "one count" and values.size:
            values[-1, 0] = 1
    elif kind in ("zero genes", "constant genes"):
        values[:, : width // 2] = 0 if kind == "zero genes" else 2
    elif kind == "empty spots":
        values[::3] = 0
    elif kind == "logged":
        values = np.log1p(values / np.maximum(values.sum(1, keepdims=True), 1) * 1e4)
    elif kind == "fractions":
        values = values * 17.3
    elif values.size and kind in ("huge", "negative", "NaN", "infinite"):
        values[len(values) // 2, 0] = {"huge": 60_000, "negative": -3, "NaN": np.nan, "infinite": np.inf}[kind]
    return values


def _stored(values: np.ndarray, spec: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        typed = values.astype(spec["dtype"])
    form = spec["form"]
    if form == "dense" or typed.dtype == np.float16:  # scipy has no float16
        return typed
    makers = {"csc": sparse.csc_matrix, "coo": sparse.coo_matrix, "csr_array": sparse.csr_array}
    makers |= {"csc_array": sparse.csc_array, "fortran": np.asfortranarray, "csr": sparse.csr_matrix}
    made = makers[form](typed)
    return made.tocsr() if form == "coo" else made


def _places(kind: str, xy: np.ndarray, names: pd.Index) -> Any:
    if kind == "none":
        return None
    if kind == "one place":
        xy[:] = 7.0
    elif kind == "pairs":
        xy = xy[np.arange(len(xy)) // 2]
    elif kind == "line":
        xy[:, 1] = 0.0
    elif kind == "isolated":
        xy[-1:] += 1e6
    elif kind == "far":
        xy += 1e9
    elif kind == "tiny":
        xy *= 1e-9
    elif kind in ("some NaN", "all NaN", "infinite"):
        xy[:: 1 if kind == "all NaN" else 4] = np.inf if kind == "infinite" else np.nan
    elif kind == "three axes":
        xy = np.column_stack([xy, np.zeros(len(xy))])
    elif kind == "one axis":
        xy = xy[:, :1]
    elif kind == "whole numbers":
        xy = xy.astype(np.int32)
    return pd.DataFrame(xy, index=names, columns=["x", "y"]) if kind == "frame" else xy


def _embedding(kind: str, rng: np.random.Generator, cancer: np.ndarray, names: pd.Index) -> Any:
    width = 5 if kind == "wide" else 6
    values = rng.normal(size=(len(cancer), width)) + cancer[:, None] * np.arange(width)[::-1]
    if kind == "none":
        return None
    if kind == "constant":
        values[:] = 0.5
    elif kind in ("some NaN", "all NaN", "infinite"):
        values[:: 1 if kind == "all NaN" else 3] = np.inf if kind == "infinite" else np.nan
    if kind in ("float64", "float16", "int64", "bool"):
        return values.astype(kind)
    if kind == "text":
        return values.astype(str)
    if kind == "flat":
        return values[:, :0]
    if kind == "frame":
        return pd.DataFrame(values, index=names, columns=[f"f{i}" for i in range(width)])
    return sparse.csr_matrix(values) if kind == "sparse" else values.astype(np.float32)


def _record(kind: str) -> Any:
    sections = {"section": {"patch_um": 55.0}}
    whole = {"encoder": "mine", "revision": "", "weights_sha256": "", "patch_um": 55.0, "sections": sections}
    return {"recorded": {"X_mine": whole}, "text": "mine", "odd record": {"X_mine": {"sections": "a"}}}.get(kind)


def _labels(spec: dict[str, Any], cancer: np.ndarray, rng: np.random.Generator) -> Any:
    missing = {"none": np.ones(len(cancer), bool), "some": rng.random(len(cancer)) < 0.5}
    missing["one spot"] = np.arange(len(cancer)) > 0
    hidden = missing.get(spec["known"], np.zeros(len(cancer), bool))
    truth = {"one class": np.ones_like(cancer), "other class": np.zeros_like(cancer)}.get(spec["known"], cancer)
    kind = spec["labels"]
    if kind in ("bool", "boolean", "Int64", "float", "category of numbers"):
        if kind == "bool":
            return truth
        values = pd.Series(truth.astype(float)).mask(hidden)
        if kind == "boolean":
            return pd.array(values.map({1.0: True, 0.0: False}), dtype="boolean")
        if kind == "float":
            return values.to_numpy()
        return pd.array(values, dtype="Int64" if kind == "Int64" else "category")
    text = pd.Series(np.where(truth, CANCER, "stroma"), dtype=object).mask(hidden)
    names = {"category": "category", "string": "string", "arrow": "string[pyarrow]"}
    return pd.array(text, dtype=names[kind]) if kind in names else text.to_numpy()


def positive_of(spec: dict[str, Any]) -> Any:
    """The class that is cancer, as a user of such a column would write it."""
    return {"bool": True, "boolean": True, "Int64": 1, "float": 1.0, "category of numbers": 1.0}.get(
        spec["labels"], CANCER
    )


def _libraries(kind: str, n: int) -> Any:
    number = np.arange(n)
    values = {
        "two": number % 2,
        "one and the rest": (number > 0).astype(int),
        "each": number,
    }.get(kind, number % 3)
    names = pd.Series([f"lib/{value}" for value in values], dtype=object)
    if kind == "with NaN":
        names[:1] = np.nan
    if kind == "unused category":
        return pd.Categorical(names, categories=[*dict.fromkeys(names), "nowhere"])
    return pd.Categorical(names) if kind == "category" else names.to_numpy()
