"""Call regions again from stored likelihoods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._checks import check_bools, warn
from .._keys import UNCLEAR, Keys
from .._sections import (
    Scores,
    Selection,
    check_one_section,
    get_table,
    result_record,
    scored_sections,
    stored_coordinates,
    write_scores,
)
from ._call import call_section, recorded_level
from ._mixture import check_method

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def threshold(
    data: AnnData | SpatialData,
    *,
    key: str = Keys.DEFAULT,
    method: Literal["expected_f1", "gmm", "otsu"] | float = "expected_f1",
    library_key: str | None = None,
    table_key: str = "table",
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Call regions again from the likelihoods that :func:`spacrd.tl.score` wrote.

    Parameters
    ----------
    data
        Scored sections.
    key
        ``key_added`` of the scoring.
    method
        As ``threshold`` of :func:`spacrd.tl.score`.
    library_key
        ``.obs`` column of section names; the one used for scoring if None.
    table_key
        Table of a SpatialData.
    copy
        Return a copy instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written: ``.obs["spacrd_region"]`` and the thresholds in
    ``.uns["spacrd"]["spacrd"]["sections"]``.

    Raises
    ------
    KeyError
        If there are no likelihoods under ``key``.
    TypeError
        If ``method`` is neither a name nor a number.
    ValueError
        If ``method`` is not known, or not between 0 and 1.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.tl.threshold(section, method=0.7)
    >>> report = section["table"].uns["spacrd"]["spacrd"]["sections"]["toy"]
    >>> report["threshold"], report["threshold_method"]
    (0.7, 'given')
    """
    check_bools(copy=copy)
    check_method(method)
    table = get_table(data, table_key)
    region = np.full(table.n_obs, np.nan, dtype=object)
    sections: dict[str, Any] = {}
    selection = Selection(table_key=table_key, library_key=library_key)
    for scored in scored_sections(data, key, selection, with_region=False):
        if library_key is None and Keys.SPATIAL in table.obsm:  # sections may have been joined since
            check_one_section(scored.section, stored_coordinates(table)[scored.section.rows, :2])
        call = call_section(
            scored.likelihood, recorded_level(scored.report), str(scored.report.get("verdict", UNCLEAR)), method
        )
        region[scored.section.rows] = call.region
        if scored.report.get("calls_withheld") and isinstance(method, str):
            warn(
                f"Section {scored.section.name!r} is unlike the training sections, and `score` withheld its calls: "
                f"{scored.report.get('shift_reason', '')}. It is called now; check some spots by eye."
            )
        sections[Keys.section(scored.section.name)] = {**scored.report, **call.record()}
    record = dict(result_record(table, key))
    if library_key is not None:
        record["library_key"] = library_key
    return write_scores(
        data, key, table_key=table_key, scores=Scores(region), record={**record, "sections": sections}, copy=copy
    )
