"""Read back, section by section, what :func:`spacrd.tl.score` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, quote_names
from .._classes import class_name, is_labelled
from .._keys import REGION_COLORS, Keys
from ._containers import get_table
from ._records import result_record
from ._section import Section, split_silently
from ._selection import ALL, Selection

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class ScoredSection:
    """One section with its likelihoods, called regions and the report of its scoring."""

    section: Section
    likelihood: np.ndarray
    """(n_spots,) float64, NaN where a spot has no likelihood."""
    uncertainty: np.ndarray
    """(n_spots,) float64, NaN where the model could not tell."""
    region: np.ndarray
    """(n_spots,) object: the called category, None where none was called."""
    report: Mapping[str, Any]
    """Threshold, mixture and coverage of this section; empty if none were recorded."""

    @property
    def threshold(self) -> float:
        """Likelihood from which a spot is called cancer, NaN if none was set."""
        return float(self.report.get("threshold", np.nan))


def scored_sections(
    data: Any, key: str, selection: Selection = ALL, *, with_region: bool = True
) -> list[ScoredSection]:
    """Read the sections of ``data`` that carry the result ``key``, with their called regions or without.

    If the selection names no ``library_key``, the one that was used for scoring is taken.

    Raises
    ------
    ValueError
        If likelihoods do not lie between 0 and 1, or regions are renamed to numbers or other capital letters.
    """
    table = get_table(data, selection.table_key)
    likelihood, uncertainty = _likelihoods(table, key), _uncertainties(table, key)
    record = result_record(table, key)
    region = _regions(table, key) if with_region else np.full(table.n_obs, None, dtype=object)
    library_key = selection.library_key or record.get("library_key") or None
    reports = record.get("sections", {})
    return [
        ScoredSection(
            section,
            likelihood[section.rows],
            uncertainty[section.rows],
            region[section.rows],
            reports.get(Keys.section(section.name), {}),
        )
        for section in split_silently(data, replace(selection, library_key=library_key))
    ]


def _likelihoods(table: AnnData, key: str) -> np.ndarray:
    """Read the likelihoods of all rows, (n_obs,) float64."""
    name = Keys.likelihood(key)
    if name not in table.obs:
        suffix = Keys.likelihood("")
        results = [column.removesuffix(suffix) for column in map(str, table.obs.columns) if column.endswith(suffix)]
        check_key(key, results, "result", hint="Run spacrd.tl.score first.")
    if table.obs[name].dtype.kind != "f":
        raise TypeError(
            f"obs[{name!r}] holds {table.obs[name].dtype}, not likelihoods. Score again with spacrd.tl.score."
        )
    values = table.obs[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if (wrong := (values < 0) | (values > 1)).any():
        raise ValueError(
            f"obs[{name!r}] must hold likelihoods, between 0 and 1, but {int(wrong.sum())} values are not, such as "
            f"{values[wrong][0]:.4g}. Score again with spacrd.tl.score."
        )
    return values


def _regions(table: AnnData, key: str) -> np.ndarray:
    """Read the called regions of all rows, object (n_obs,); None where nothing was called."""
    region = np.full(table.n_obs, None, dtype=object)
    if (name := Keys.region(key)) in table.obs:
        column = table.obs[name]
        called = is_labelled(column).to_numpy()
        region[called] = column[called].astype(str).to_numpy(dtype=object)
        others = {each: class_name(each).casefold() for each in set(region[called]).difference(REGION_COLORS)}
        if wrong := sorted(each for each, plain in others.items() if plain in REGION_COLORS or plain.isdigit()):
            raise ValueError(
                f"obs[{name!r}] holds {quote_names(wrong, 5)} in place of {quote_names(REGION_COLORS)}. Call regions "
                "again with spacrd.tl.threshold."
            )
    return region


def _uncertainties(table: AnnData, key: str) -> np.ndarray:
    """Read the uncertainties of all rows, (n_obs,) float64; NaN if there are none."""
    name = Keys.uncertainty(key)
    if name not in table.obs or table.obs[name].dtype.kind != "f":
        return np.full(table.n_obs, np.nan)
    return table.obs[name].to_numpy(dtype=np.float64, na_value=np.nan)
