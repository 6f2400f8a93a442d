"""Metrics of scored sections that carry labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, quote_names
from ._metrics import scores

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

COUNTS = ("n", "n_positive", "n_left_out")
COLUMNS = (*COUNTS, "prevalence", "auc", "ap", "f1", "precision", "recall", "threshold", "ks", "brier", "ece")


def _values(value: Any) -> list[Any]:
    """One label value or several, as a list."""
    return [value] if np.isscalar(value) else list(value)


def _is_one_of(labels: pd.Series, values: list[Any]) -> pd.Series:
    """Whether labels equal one of the values, as they are or as text."""
    return labels.isin(values) | (labels.notna() & labels.astype(str).isin([str(value) for value in values]))


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
    ``auc``, ``ap``, ``f1``, ``precision``, ``recall``, ``threshold``, ``ks``, ``brier`` and ``ece``
    (:func:`spacrd.metrics.scores`). With several sections a last row ``mean`` holds the total counts and the plain
    mean of every metric over the sections that have it; its threshold is NaN.

    Raises
    ------
    KeyError
        If the result or the label column does not exist.
    ValueError
        If no label is one of ``positive``.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression", max_epochs=2)
    >>> spacrd.tl.score(section, model)
    >>> table = spacrd.metrics.evaluate(section, "pathologist", positive="invasive cancer")
    >>> table.columns.to_list()[:5]
    ['n', 'n_positive', 'n_left_out', 'prevalence', 'auc']
    """
    import pandas as pd

    from .._sections import Selection, get_table, scored_sections

    table = get_table(data, table_key)
    check_key(label_key, table.obs.columns, "column of .obs")
    labels = table.obs[label_key]
    if positive is None or ignore is None:
        raise TypeError("positive and ignore must be label values or lists of them, got None.")
    wanted, skipped = _values(positive), _values(ignore)
    is_positive = _is_one_of(labels, wanted).to_numpy()
    if not is_positive.any():
        raise ValueError(
            f"No spot of .obs[{label_key!r}] is labelled {quote_names(wanted)}. "
            f"Labels found: {quote_names(labels.dropna().unique())}. Set positive= to the cancer label(s)."
        )
    if clash := [value for value in wanted if value in skipped]:
        raise ValueError(f"{quote_names(clash)} cannot be both positive and ignored.")
    usable = (labels.notna() & ~_is_one_of(labels, skipped)).to_numpy()

    rows: dict[str, dict[str, float]] = {}
    for scored in scored_sections(data, key, Selection(table_key=table_key, library_key=library_key)):
        keep = usable[scored.section.rows] & np.isfinite(scored.likelihood)
        y = is_positive[scored.section.rows][keep]
        # By the threshold, not by region: spots called uncertain lie on one side of it too.
        cut = any(value is not None for value in scored.region[keep]) and np.isfinite(scored.threshold)
        called = scored.likelihood[keep] >= scored.threshold if cut else None
        row = scores(y, scored.likelihood[keep], called)
        rows[scored.section.name] = row | {"n_left_out": int((~keep).sum()), "threshold": scored.threshold}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis(index="section")
    if len(frame) > 1:
        mean = frame.drop(columns=list(COUNTS)).mean()
        mean["threshold"] = np.nan
        frame.loc["mean"] = pd.concat([frame[list(COUNTS)].sum(), mean])
    return frame.astype(dict.fromkeys(COUNTS, int))
