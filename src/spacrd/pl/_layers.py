"""Layers of a map: numbers or classes of spots, with their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key
from .._classes import is_labelled
from .._keys import REGION_COLORS, Keys
from .._sections import ScoredSection

if TYPE_CHECKING:
    from anndata import AnnData

ON_TISSUE = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#F0E442", "#CC79A7")
"""Okabe and Ito's colours, pink last, as it is not seen on H&E, and without black, which is not seen on black."""
SCORED = ("likelihood", "uncertainty", "region")
"""Names of what scoring wrote; any other name is a column of obs."""


@dataclass(frozen=True)
class Layer:
    """One thing to colour spots by; the image alone without a name."""

    name: str | None
    column: str = ""
    """Column of obs, empty for the image alone."""
    colors: Mapping[str, Any] | None = None
    """Colour of every class; None for numbers."""

    @property
    def limits(self) -> tuple[float, float]:
        """Return the numbers at the ends of the colour map, the same for every section."""
        return (0.0, 0.5) if self.name == "uncertainty" else (0.0, 1.0)

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
        column = section.table.obs[self.column].iloc[section.rows]
        labelled = is_labelled(column).to_numpy()
        names = np.full(len(column), None, dtype=object)
        names[labelled] = column[labelled].astype(str).to_numpy(dtype=object)
        return names


def classes_in(layer: Layer, sections: Sequence[ScoredSection]) -> set[str]:
    """Return the classes that the spots of the sections have."""
    return {name for scored in sections for name in set(layer.values(scored)) if name is not None}


def class_colors(table: AnnData, column: str) -> dict[str, Any]:
    """Return the colours of the classes of a column: those stored with the data, else those of regions, else ours."""
    classes = [str(name) for name in table.obs[column].astype("category").cat.categories]
    stored = list(table.uns.get(f"{column}_colors", []))
    if len(stored) == len(classes):
        return dict(zip(classes, stored, strict=True))
    if set(classes) <= set(REGION_COLORS):
        return {name: REGION_COLORS[name] for name in classes}
    if len(classes) <= len(ON_TISSUE):
        return dict(zip(classes, ON_TISSUE, strict=False))
    import matplotlib as mpl

    return dict(zip(classes, mpl.colormaps["turbo"](np.linspace(0.02, 0.98, len(classes))), strict=True))


def layers_of(table: AnnData, color: str | Sequence[str | None] | None, key: str) -> list[Layer]:
    """Return the layers that a user named, each checked."""
    names = [color] if color is None or isinstance(color, str) else list(color)
    if not names:
        raise ValueError("color is empty: name at least one, or None for the image alone.")
    return [_layer(table, name, key) for name in names]


def _layer(table: AnnData, name: str | None, key: str) -> Layer:
    if name is None:
        return Layer(None)
    if name in ("likelihood", "uncertainty"):
        return Layer(name, f"{key}_{name}")
    if name == "region":
        column = Keys.region(key)
        if column not in table.obs:
            raise KeyError(f"There is no .obs[{column!r}]: run spacrd.tl.score or spacrd.tl.threshold first.")
    else:
        column = check_key(name, [*SCORED, *table.obs.columns], "colour")
        if table.obs[column].dtype.kind in "iufc":
            raise TypeError(
                f"color={name!r}: obs[{name!r}] holds numbers ({table.obs[column].dtype}). A map shows classes, "
                "'likelihood', 'uncertainty' or 'region'; draw other numbers with squidpy or spatialdata-plot."
            )
    return Layer(name, column, class_colors(table, column))
