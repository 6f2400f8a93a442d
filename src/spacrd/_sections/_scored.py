"""Read back, section by section, what :func:`spacrd.tl.score` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key
from .._keys import Keys
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


def scored_sections(data: Any, key: str, selection: Selection = ALL) -> list[ScoredSection]:
    """Read the sections of ``data`` that carry the result ``key``.

    If the selection names no ``library_key``, the one that was used for scoring is taken.
    """
    table = get_table(data, selection.table_key)
    likelihood, uncertainty = _likelihoods(table, key), _uncertainties(table, key)
    record = result_record(table, key)
    region = np.full(table.n_obs, None, dtype=object)
    if Keys.region(key) in table.obs:
        column = table.obs[Keys.region(key)]
        called = column.notna().to_numpy()
        region[called] = column[called].astype(str).to_numpy(dtype=object)
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
    return table.obs[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _uncertainties(table: AnnData, key: str) -> np.ndarray:
    """Read the uncertainties of all rows, (n_obs,) float64; NaN if there are none."""
    name = Keys.uncertainty(key)
    if name not in table.obs or table.obs[name].dtype.kind != "f":
        return np.full(table.n_obs, np.nan)
    return table.obs[name].to_numpy(dtype=np.float64, na_value=np.nan)
