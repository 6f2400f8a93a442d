"""Summarise scored sections in a table of one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import CANCER, UNCERTAIN, Keys
from .._sections import (
    ScoredSection,
    Selection,
    as_list,
    get_table,
    place_with_scale,
    platform_of,
    result_record,
    scored_sections,
    spot_areas,
)
from ..features import LOW_COVERAGE

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

COPIED = ("expected_share", "share_low", "share_high")
"""Numbers of the record of a section that become columns."""
COMPARED = ("gene_coverage", "decision_coverage", "expression_distance", "image_distance", "depth_ratio")
"""How a section compares with the training sections, as in :class:`spacrd.model.Shift`."""
COLUMNS = (
    "section",
    "platform",
    "n_spots",
    "n_scored",
    "verdict",
    "verdict_reason",
    *COPIED,
    "called_share",
    "uncertain_share",
    "called_area_mm2",
    "mean_likelihood",
    "mean_uncertainty",
    "shift",
    "shift_reason",
    "calls_withheld",
    *COMPARED,
    "warnings",
    "n_training",
    "model",
)


def summarise(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    *,
    key: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
) -> pd.DataFrame:
    """Summarise scored sections in a table, one row for each section.

    Everything is read from what :func:`spacrd.tl.score` wrote; nothing is computed again and nothing is changed.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`, in one object or a list of them.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    table_key
        Table of a SpatialData.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.

    Returns
    -------
    DataFrame with a row for each section, in the order of ``data``:

    - ``section``, ``platform`` (``"Visium"``, ``"Visium HD"``, ``"Xenium"``, ``"legacy ST"``, ``"pseudo-spots"``, or
      ``""`` where the data do not say it), ``n_spots``, ``n_scored`` (spots with a likelihood).
    - ``verdict`` with its reason, ``verdict_reason``; ``expected_share`` of cancer with its interval of 80 %,
      ``share_low`` to ``share_high``.
    - ``called_share`` and ``uncertain_share`` of the scored spots.
    - ``called_area_mm2``: tissue of the spots called cancer. A spot on a lattice stands for its part of the lattice, a
      bin for its square, a cell for its own area; :func:`spacrd.tl.regions` measures smoothed outlines instead. NaN
      where micrometres per unit are not known, or no call was recorded.
    - ``mean_likelihood`` and ``mean_uncertainty`` of the scored spots.
    - ``shift``: whether the section is unlike the training sections, with ``shift_reason``.
    - ``calls_withheld``: whether the record says that no calls were made.
    - ``gene_coverage``, ``decision_coverage``, ``expression_distance``, ``image_distance`` and ``depth_ratio``, as in
      :class:`spacrd.model.Shift`.
    - ``warnings``: text, separated by semicolons; empty if there are none.
    - ``n_training``: sections that the model was fitted on; ``model``: its identifier.

    What was not recorded is NaN, ``""`` or False.

    Raises
    ------
    KeyError
        If the sections were not scored under this key.
    TypeError
        If ``data`` is no AnnData, SpatialData or list of them.
    ValueError
        If the list is empty.

    See Also
    --------
    spacrd.pl.cohort : Plot this table.
    spacrd.report : Report of many sections as web pages.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> table = spacrd.tl.summarise([section])
    >>> table[["section", "platform", "n_spots"]].to_dict("records")
    [{'section': 'toy', 'platform': 'Visium', 'n_spots': 100}]
    """
    import pandas as pd

    rows = []
    selection = Selection(table_key=table_key, library_key=library_key)
    for item in as_list(data):
        scored = scored_sections(item, key, selection)
        record = result_record(get_table(item, table_key), key)
        rows += [_row(section, record) for section in scored]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(scored: ScoredSection, record: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one section."""
    report, finite = dict(scored.report), np.isfinite(scored.likelihood)
    if not finite.any():  # what was recorded is not of these likelihoods
        report.update(dict.fromkeys(COPIED, np.nan), verdict="")
    placement = place_with_scale(scored.section)
    called = scored.region[finite]
    reason = str(report.get("shift_reason", ""))
    return {
        "section": scored.section.name,
        "platform": platform_of(scored.section, placement),
        "n_spots": len(finite),
        "n_scored": int(finite.sum()),
        "verdict": str(report.get("verdict", "")),
        "verdict_reason": str(report.get("verdict_reason", "")),
        **{name: _number(report, name) for name in (*COPIED, *COMPARED)},
        "called_share": _share(called, CANCER),
        "uncertain_share": _share(called, UNCERTAIN),
        "called_area_mm2": _called_area(scored, spot_areas(scored.section, placement)),
        "mean_likelihood": _mean(scored.likelihood),
        "mean_uncertainty": _mean(scored.uncertainty),
        "shift": bool(report.get("shift", False)),
        "shift_reason": reason,
        "calls_withheld": bool(report.get("calls_withheld", False)),
        "warnings": "; ".join(_warnings(scored, record, reason)),
        "n_training": _number(record, "n_training"),
        "model": str(record.get("model", "")),
    }


def _number(report: Mapping[str, Any], name: str) -> float:
    """Return a recorded number, NaN if there is none."""
    try:
        return float(report.get(name, np.nan))
    except (TypeError, ValueError):
        return float("nan")


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _share(called: np.ndarray, region: str) -> float:
    """Compute the share of a region among the scored spots; NaN if none was called."""
    has_call = any(name is not None for name in called)
    return float((called == region).mean()) if has_call else float("nan")


def _called_area(scored: ScoredSection, areas: np.ndarray) -> float:
    """Add up the tissue of the spots called cancer in square millimetres."""
    if all(name is None for name in scored.region):
        return float("nan")
    known = areas[np.isfinite(areas)]
    return float(areas[scored.region == CANCER].sum() / 1e6) if len(known) else float("nan")


def _warnings(scored: ScoredSection, record: Mapping[str, Any], shift_reason: str) -> list[str]:
    """List what a reader should know of a section before its numbers are used."""
    report, n_spots = scored.report, len(scored.likelihood)
    n_missing = n_spots - int(np.isfinite(scored.likelihood).sum())
    warnings = []
    if report.get("in_training"):
        warnings.append("the model was fitted on this section")
    if int(record.get("calibrated_on", 2)) < 2:
        n = _number(report, "n_labelled")
        warnings.append(
            f"likelihoods are calibrated on {n:.0f} spots alone" if n >= 1 else "likelihoods are not calibrated"
        )
    if _number(report, "gene_coverage") < LOW_COVERAGE:
        warnings.append(f"{_number(report, 'gene_coverage'):.0%} of the model's genes")
    if shift_reason:
        warnings.append(shift_reason)
    if report.get("calls_withheld"):
        warnings.append("calls were withheld")
    if n_missing:
        warnings.append(f"{n_missing:,} of {n_spots:,} spots have no likelihood")
    return warnings
