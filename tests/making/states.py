"""Everything an object holds, in a form that compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import issparse


def assert_same(now: Mapping[str, str], then: Mapping[str, str]) -> None:
    """Name whatever differs between two states."""
    changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    assert not changed, f"changed: {changed}"


def state(value: Any, path: str = "") -> dict[str, str]:
    """Everything an object holds, by its path, in a form that compares."""
    if isinstance(value, Mapping):
        found = {f"{path}/": repr([str(name) for name in value])}
        for name, item in value.items():
            found |= state(item, f"{path}/{name}")
        return found
    if isinstance(value, AnnData):
        slots = ("obs", "var", "X", "layers", "obsm", "varm", "obsp", "varp", "uns")
        found = {f"{path}.kind": f"{value.shape} view {value.is_view} backed {value.isbacked}"}
        for slot in slots:
            found |= state(getattr(value, slot), f"{path}.{slot}")
        return found
    if hasattr(value, "gen_spatial_elements"):
        found = {f"{path}.attrs": repr(value.attrs)}
        for kind, name, element in value.gen_elements():
            found |= state(element, f"{path}.{kind}[{name}]")
        return found
    if hasattr(value, "groups") and hasattr(value, "children"):  # an image of several scales
        found = {}
        for name, child in value.children.items():
            found |= state(next(iter(child.values())), f"{path}.{name}")
        return found
    return {path: _one(value)}


def _one(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        columns = {str(name): _one(value[name]) for name in value.columns}
        transform = repr(value.attrs.get("transform"))
        return f"{_one(pd.Series(value.index))} {value.index.name} {columns} {transform}"
    if isinstance(value, pd.Series):
        kinds = value.cat.categories.tolist() if isinstance(value.dtype, pd.CategoricalDtype) else ""
        return f"{value.dtype} {kinds} {value.tolist()!r}"
    if hasattr(value, "dims") and hasattr(value, "coords"):  # xarray
        return f"{value.dims} {value.attrs.get('transform')!r} {_one(np.asarray(value.data))}"
    if issparse(value):
        parts = value.tocsc() if value.format not in ("csr", "csc") else value
        return f"{type(value).__name__} {value.shape} {_one(parts.data)} {_one(parts.indices)} {_one(parts.indptr)}"
    if hasattr(value, "shape") and not isinstance(value, np.ndarray | np.generic):  # on disk
        read = value[:] if not hasattr(value, "compute") else value.compute()
        return f"{type(value).__name__} {_one(read)}"
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)
