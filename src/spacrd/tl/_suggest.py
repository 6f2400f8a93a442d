"""Suggest spots to annotate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_positive_int
from .._keys import Keys
from .._sections import Selection, get_table, scored_sections

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData


def suggest_spots(
    data: AnnData | SpatialData,
    n: int = 20,
    *,
    key: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    seed: int = 0,
) -> pd.Index:
    """Suggest spots of each section for :func:`spacrd.tl.adapt`, spread evenly over the order of the likelihoods.

    The scored spots are ordered and divided into ``n`` equal parts, and one is drawn of each. On real sections, such
    spots improved level and calls more than those of which the model is least certain.

    Parameters
    ----------
    data
        Scored sections.
    n
        Spots of each section.
    key
        ``key_added`` of the scoring.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names; the one used for scoring if None.
    seed
        Seed of the draw.

    Returns
    -------
    Names of the spots, in the order of the rows; all scored spots of a section with ``n`` or fewer.

    Raises
    ------
    KeyError
        If there are no likelihoods under ``key``.
    TypeError, ValueError
        If ``n`` is not a whole number above 0.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> len(spacrd.tl.suggest_spots(section, n=15))
    15
    """
    check_positive_int(n, "n")
    check_positive_int(seed, "seed", minimum=0)
    random = np.random.default_rng(seed)
    rows = []
    for scored in scored_sections(data, key, Selection(table_key=table_key, library_key=library_key)):
        order = np.argsort(scored.likelihood, kind="stable")[: np.isfinite(scored.likelihood).sum()]  # NaN come last
        if len(order):
            parts = np.array_split(order, min(n, len(order)))
            rows.append(scored.section.rows[[random.choice(part) for part in parts]])
    chosen = np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)
    return get_table(data, table_key).obs_names[chosen]
