"""Metrics of scored sections that carry labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, quote_names, warn
from .._classes import (
    absent_classes,
    check_no_measurement,
    class_names,
    named_classes,
    warn_of_doubtful,
    warn_of_missing_text,
)
from .._keys import UNCERTAIN
from ._metrics import CALLS, scores

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

COUNTS = ("n", "n_positive", "n_left_out")
COLUMNS = (*COUNTS, "prevalence", "auc", "ap", "f1", "precision", "recall", "threshold", "ks", "brier", "ece", *CALLS)
LEVEL = ("expected_share", "share_low", "share_high")
FACTS = (*LEVEL, "verdict", "shift")
"""What the model says of a section without its labels."""


def summary_name(sections: Iterable[str], summary: str = "mean") -> str:
    """Return a name for the row or column of a summary that no section has."""
    names = set(sections)
    while summary in names:
        summary = f"{summary} of sections"
    return summary


def evaluate(
    data: AnnData | SpatialData,
    label_key: str,
    *,
    positive: str | Sequence[str],
    key: str = "spacrd",
    ignore: str | Sequence[str] = (),
    library_key: str | None = None,
    table_key: str = "table",
) -> pd.DataFrame:
    """Compare scored sections with their labels.

    Spots without a label, without a likelihood or with an ignored label are left out and counted. F1, precision and
    recall are those of the called region, whose threshold was set without looking at labels.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    label_key
        Column of ``.obs`` with the labels.
    positive
        Label value, or values, that count as cancer; every other one counts as normal.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    ignore
        Label values that are left out, such as ``"undetermined"``.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.

    Returns
    -------
    One row per section (index ``section``): ``n`` and ``n_positive`` spots compared, ``n_left_out``, ``prevalence``,
    ``auc``, ``ap``, ``f1``, ``precision``, ``recall``, ``threshold``, ``ks``, ``brier``, ``ece``, ``called``,
    ``uncertain``, ``f1_certain``, ``error_certain`` and ``error_uncertain`` (:func:`spacrd.metrics.scores`); and what
    the model says without labels: ``expected_share`` of cancer with its interval of 80 %, ``share_low`` and
    ``share_high``, ``verdict``, and ``shift``, whether the section is unlike the training sections. With several
    sections a last row ``mean`` (``mean of sections`` if a section is called so) holds the total counts and the plain
    mean of every metric over the sections that have it; its threshold and what the model says are missing.

    Raises
    ------
    KeyError
        If the result or the label column does not exist.
    TypeError
        If ``positive`` or ``ignore`` is no class or list of classes.
    ValueError
        If no label is one of ``positive``, or a class is both positive and ignored.

    Warns
    -----
    SpacrdWarning
        If no spot has one of several classes of ``positive``, or one of ``ignore``; and of classes whose names say that
        spots are not annotated, such as ``"unknown"``, unless they are ignored.

    See Also
    --------
    spacrd.metrics.scores : The same metrics of plain arrays.
    spacrd.metrics.severity : Likelihoods by class.
    spacrd.tl.cross_validate : Metrics on sections that the model has not seen.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> table = spacrd.metrics.evaluate(section, "pathologist", positive="invasive cancer")
    >>> table.columns.to_list()[:5]
    ['n', 'n_positive', 'n_left_out', 'prevalence', 'auc']
    """
    import pandas as pd

    from .._sections import Selection, get_table, scored_sections

    table = get_table(data, table_key)
    check_key(label_key, table.obs.columns, "column of .obs")
    cancer, ignored = named_classes(positive, "positive"), named_classes(ignore, "ignore")
    if clash := [value for value in cancer if value in ignored]:
        raise ValueError(f"{quote_names(clash)} cannot be both positive and ignored.")
    classes = _read_classes(table.obs[label_key], label_key, cancer, ignored)
    is_positive = classes.isin(cancer).to_numpy()
    usable = (classes.notna() & ~classes.isin(ignored)).to_numpy()

    rows: dict[str, dict[str, float]] = {}
    facts: dict[str, dict[str, Any]] = {}
    for scored in scored_sections(data, key, Selection(table_key=table_key, library_key=library_key)):
        section = scored.section
        compared = usable[section.rows] & np.isfinite(scored.likelihood)
        y = is_positive[section.rows][compared]
        # By the threshold, not by region: spots called uncertain lie on one side of it too.
        cut = any(value is not None for value in scored.region[compared]) and np.isfinite(scored.threshold)
        called = scored.likelihood[compared] >= scored.threshold if cut else None
        row = scores(y, scored.likelihood[compared], called, uncertain=scored.region[compared] == UNCERTAIN)
        rows[section.name] = row | {"n_left_out": int((~compared).sum()), "threshold": scored.threshold}
        facts[section.name] = section_facts(scored.report)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis(index="section")
    if len(frame) > 1:
        mean = frame.drop(columns=list(COUNTS)).mean()
        mean["threshold"] = np.nan
        frame.loc[summary_name(frame.index)] = pd.concat([frame[list(COUNTS)].sum(), mean])
    frame = frame.astype(dict.fromkeys(COUNTS, int))
    return frame.join(pd.DataFrame.from_dict(facts, orient="index", columns=list(FACTS)))


def _read_classes(column: pd.Series, label_key: str, cancer: Sequence[str], ignored: Sequence[str]) -> pd.Series:
    """Read the class of each spot, NaN where it is unlabelled; warn of what may be misspelled or no annotation."""
    check_no_measurement(column, label_key)
    named = [*cancer, *ignored]
    warn_of_missing_text([column], label_key, named)
    classes = class_names(column, named)
    text, n_absent = absent_classes("positive", cancer, [classes], f"obs[{label_key!r}]")
    if n_absent == len(cancer):
        raise ValueError(f"{text} Set `positive` to the class or classes that are cancer.")
    if n_absent:
        warn(text)
    warn_of_absent_ignored(ignored, [classes], f"obs[{label_key!r}]")
    warn_of_doubtful([column], label_key, named, "leave them out with `ignore`")
    return classes


def warn_of_absent_ignored(ignored: Sequence[str], columns: Iterable[pd.Series], where: str) -> None:
    """Warn of classes to leave out that no spot has: they may be misspelled, and count as not cancer then."""
    text, n_absent = absent_classes("ignore", ignored, columns, where)
    if n_absent:
        warn(text)


def section_facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record of a scored section says of it; NaN and empty where it says nothing."""
    return {
        **{name: float(report.get(name, np.nan)) for name in LEVEL},
        "verdict": str(report.get("verdict", "")),
        "shift": bool(report.get("shift", False)),
    }
