"""Likelihoods by annotated class (paper 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_key
from .._classes import absent_classes, check_no_measurement, class_names, named_classes, warn_of_missing_text
from .._keys import CANCER

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData


def severity(
    data: AnnData | SpatialData,
    label_key: str,
    *,
    order: Sequence[str] | None = None,
    key: str = "spacrd",
    library_key: str | None = None,
    table_key: str = "table",
) -> pd.DataFrame:
    """Summarise the likelihoods of each annotated class, such as normal, in situ and invasive.

    The paper shows that mean scores grow from normal over in situ to invasive (section 3.4). Spots without label or
    likelihood are left out.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`.
    label_key
        Column of ``.obs`` with the annotated classes.
    order
        Classes from the mildest to the most severe; all classes in the order of their mean likelihood if None.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.

    Returns
    -------
    One row per section and class (index ``section``, ``class``): ``n`` spots, ``mean``, ``sd``, ``q25``, ``median`` and
    ``q75`` of their likelihoods, ``called`` (share called cancer), and ``above`` (probability that a spot of the class
    has a higher likelihood than one of the class before it, ties count half; NaN for the first class).

    Raises
    ------
    KeyError
        If the result or the label column does not exist.
    ValueError
        If a class of ``order`` does not occur.

    See Also
    --------
    spacrd.pl.distribution : Draws the same, with ``label_key``.

    Notes
    -----
    ``above`` is the Mann-Whitney U statistic divided by the number of pairs, the area under the ROC curve of the two
    classes.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> table = spacrd.metrics.severity(section, "pathologist", order=["connective tissue", "invasive cancer"])
    >>> table.index.get_level_values("class").to_list()
    ['connective tissue', 'invasive cancer']
    """
    import pandas as pd
    from scipy.stats import mannwhitneyu

    from .._sections import Selection, get_table, labels, scored_sections

    table = get_table(data, table_key)
    check_key(label_key, table.obs.columns, "column of .obs")
    order = None if order is None else named_classes(order, "order")
    check_no_measurement(table.obs[label_key], label_key)
    warn_of_missing_text([table.obs[label_key]], label_key, order or ())
    present = class_names(table.obs[label_key], order or ())
    text, n_absent = absent_classes("order", order or (), [present], f"obs[{label_key!r}]")
    if n_absent:
        raise ValueError(text)
    rows = []
    for scored in scored_sections(data, key, Selection(table_key=table_key, library_key=library_key)):
        kept = np.isfinite(scored.likelihood)
        names = class_names(labels(scored.section, label_key), order or ())
        groups = {name: kept & (names == name).to_numpy() for name in order or sorted(names.dropna().unique())}
        groups = {name: rows_of for name, rows_of in groups.items() if rows_of.any()}
        if order is None:
            groups = dict(sorted(groups.items(), key=lambda item: scored.likelihood[item[1]].mean()))
        before: np.ndarray | None = None
        for name, rows_of in groups.items():
            p = scored.likelihood[rows_of]
            above = np.nan if before is None else mannwhitneyu(p, before).statistic / (len(p) * len(before))
            q25, median, q75 = np.quantile(p, [0.25, 0.5, 0.75])
            rows.append(
                {
                    "section": scored.section.name,
                    "class": name,
                    "n": len(p),
                    "mean": p.mean(),
                    "sd": p.std(ddof=1) if len(p) > 1 else np.nan,
                    "q25": q25,
                    "median": median,
                    "q75": q75,
                    "called": float((scored.region[rows_of] == CANCER).mean()),
                    "above": above,
                }
            )
            before = p
    columns = ["section", "class", "n", "mean", "sd", "q25", "median", "q75", "called", "above"]
    return pd.DataFrame(rows, columns=columns).set_index(["section", "class"])
