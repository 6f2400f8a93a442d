"""Layers of a map: numbers or classes of spots, with their colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key
from .._classes import is_labelled
from .._keys import Keys
from .._sections import ScoredSection, gene_values
from ._class_colors import class_colors

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

SCORED = ("likelihood", "uncertainty", "region")
"""Names of what scoring wrote."""
SIGNED = "PuOr_r"
"""Colour map of numbers of both signs: orange above 0, purple below."""
UNSIGNED = "viridis"


@dataclass(frozen=True)
class Layer:
    """One thing to colour spots by; the image alone without a name."""

    name: str | None
    column: str = ""
    """Column of obs, or name of a gene, or slot of obsm; empty for the image alone."""
    source: str = "obs"
    """Where the column is: ``"obs"``, ``"var"`` or ``"obsm"``."""
    part: str = ""
    """Column of a slot of obsm."""
    layer: str | None = None
    """Layer of a gene."""
    colors: Mapping[str, Any] | None = None
    """Colour of every class; None for numbers."""

    def limits(self, values: Sequence[np.ndarray]) -> tuple[float, float]:
        """Return the numbers at the ends of the colour map, the same for every section, from the values of all."""
        if self.name in (None, "likelihood") or self.colors is not None:
            return 0.0, 1.0
        if self.name == "uncertainty":
            return 0.0, 0.5
        numbers = np.concatenate(values).astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return 0.0, 1.0
        low, high = float(numbers.min()), float(numbers.max())
        if low < 0 < high:
            most = float(np.quantile(np.abs(numbers), 0.99))  # one spot must not take all colours
            return -most, most
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    @property
    def title(self) -> str:
        """Return the title of a panel."""
        return {None: "image", "likelihood": "cancer likelihood", "region": "called region"}.get(
            self.name, str(self.name)
        )

    def values(self, scored: ScoredSection) -> np.ndarray:
        """Return numbers or names of classes of the spots of a section."""
        if self.name == "likelihood":
            return scored.likelihood
        if self.name == "uncertainty":
            return scored.uncertainty
        if self.name == "region":
            return scored.region
        section = scored.section
        if self.source == "var":
            return gene_values(section, self.column, self.layer)
        if self.source == "obsm":
            return _of_obsm(section.table, self.column, self.part)[section.rows]
        column = section.table.obs[self.column].iloc[section.rows]
        if self.colors is None:
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        labelled = is_labelled(column).to_numpy()
        names = np.full(len(column), None, dtype=object)
        names[labelled] = column[labelled].astype(str).to_numpy(dtype=object)
        return names


def classes_in(layer: Layer, sections: Sequence[ScoredSection]) -> set[str]:
    """Return the classes that the spots of the sections have."""
    return {name for scored in sections for name in set(layer.values(scored)) if name is not None}


def layers_of(
    table: AnnData, color: str | Sequence[str | None] | None, key: str, counts: str | None = None
) -> list[Layer]:
    """Return the layers that a user named, each checked; genes are read from the layer ``counts`` of the table."""
    if not isinstance(color, str | Iterable | None):
        raise TypeError(f"color must be a name or a list of names, got {color!r}.")
    names = [color] if color is None or isinstance(color, str) else list(color)
    if not names:
        raise ValueError("color is empty: name at least one, or None for the image alone.")
    if counts is not None:
        check_key(counts, table.layers, "layer")
    return [_layer(table, name, key, counts) for name in names]


def _layer(table: AnnData, name: str | None, key: str, counts: str | None) -> Layer:
    if name is None:
        return Layer(None)
    if name in ("likelihood", "uncertainty"):
        return Layer(name, f"{key}_{name}")
    if name == "region":
        column = Keys.region(key)
        if column not in table.obs:
            raise KeyError(f"There is no .obs[{column!r}]: run spacrd.tl.score or spacrd.tl.threshold first.")
        return Layer(name, column, colors=class_colors(table, column, key))
    if name in table.obs:
        return _of_column(table, name, key)
    if name in table.var_names:
        return Layer(name, name, "var", layer=counts)
    slot, colon, part = str(name).rpartition(":")
    if colon and slot in table.obsm:
        _of_obsm(table, slot, part)  # raises if there is no such column
        return Layer(name, slot, "obsm", part)
    columns = [f"{slot}:" for slot in table.obsm]
    hint = "Colours are also the names of genes, and columns of obsm written slot:column."
    check_key(name, [*SCORED, *table.obs.columns, *columns], "colour", hint=hint)
    raise KeyError(f"Name a column of obsm[{slot!r}] after the colon: {_parts(table, slot)}.")


def _of_column(table: AnnData, name: str, key: str) -> Layer:
    column: pd.Series = table.obs[name]
    if column.dtype.kind == "c":
        raise TypeError(f"color={name!r}: obs[{name!r}] holds complex numbers, which have no colours.")
    is_number = column.dtype.kind in "iuf"
    return Layer(name, name, colors=None if is_number else class_colors(table, name, key))


def _parts(table: AnnData, slot: str) -> list[str]:
    """Return the names of the columns of a slot of obsm: their own, or their numbers."""
    stored = table.obsm[slot]
    return [str(name) for name in getattr(stored, "columns", range(stored.shape[1]))]


def _of_obsm(table: AnnData, slot: str, part: str) -> np.ndarray:
    """Read a column of a slot of obsm, (n_obs,) float64."""
    parts, stored = _parts(table, slot), table.obsm[slot]
    number = parts.index(check_key(part, parts, f"column of obsm[{slot!r}]"))
    column = stored.iloc[:, number] if hasattr(stored, "iloc") else stored[:, [number]]
    dense = column.toarray() if hasattr(column, "toarray") else column
    return np.asarray(dense, dtype=np.float64).ravel()
