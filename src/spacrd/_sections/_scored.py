"""Read back, section by section, what :func:`spacrd.tl.score` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import check_key
from .._keys import Keys
from ._tables import Section, get_table, result_record, split_sections


@dataclass(frozen=True)
class ScoredSection:
    """One section with its likelihoods, called regions and the report of its scoring."""

    library: Section
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

    def interval(self) -> np.ndarray:
        """Interval of one standard error around each likelihood, (n_spots, 2), that the uncertainty stands for."""
        from scipy.special import expit, logit

        centre = logit(np.clip(self.likelihood, 1e-6, 1 - 1e-6))
        # 2 u = expit(l + e) - expit(l - e) = sinh(e) / (cosh(l) + cosh(e)), a quadratic equation in exp(e).
        width, c = 2 * np.clip(self.uncertainty, 0.0, 0.5 - 1e-9), np.cosh(centre)
        error = np.log((width * c + np.sqrt((width * c) ** 2 + 1 - width**2)) / (1 - width))
        return expit(centre[:, None] + np.array([-1.0, 1.0]) * error[:, None])


def scored_sections(data: Any, *, key: str, table_key: str, library_key: str | None) -> list[ScoredSection]:
    """Sections of ``data`` that carry the result ``key``.

    Without ``library_key``, the one that was used for scoring is taken.
    """
    table = get_table(data, table_key)
    column = Keys.likelihood(key)
    if column not in table.obs:
        suffix = Keys.likelihood("")
        found = [name.removesuffix(suffix) for name in map(str, table.obs.columns) if name.endswith(suffix)]
        check_key(key, found, "result", hint="Run spacrd.tl.score first.")
    parameters = result_record(table, key)
    library_key = library_key or parameters.get("library_key") or None
    reports = parameters.get("sections", {})
    if table.obs[column].dtype.kind != "f":
        raise TypeError(
            f"obs[{column!r}] holds {table.obs[column].dtype}, not likelihoods. Score again with spacrd.tl.score."
        )
    likelihood = table.obs[column].to_numpy(dtype=np.float64, na_value=np.nan)
    uncertainty = np.full(table.n_obs, np.nan)
    if Keys.uncertainty(key) in table.obs and table.obs[Keys.uncertainty(key)].dtype.kind == "f":
        uncertainty = table.obs[Keys.uncertainty(key)].to_numpy(dtype=np.float64, na_value=np.nan)
    regions = np.full(table.n_obs, None, dtype=object)
    if Keys.region(key) in table.obs:
        called = table.obs[Keys.region(key)]
        known = called.notna().to_numpy()
        regions[known] = called[known].astype(str).to_numpy(dtype=object)
    return [
        ScoredSection(
            library,
            likelihood[library.rows],
            uncertainty[library.rows],
            regions[library.rows],
            reports.get(Keys.section(library.name), {}),
        )
        for library in split_sections(data, table_key=table_key, library_key=library_key)
    ]
