"""Check called regions against known marker genes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice
from .._keys import CANCER, NORMAL, Keys
from .._marker_genes import EPITHELIAL, FAT, IMMUNE, PROLIFERATION, STROMAL, TISSUE_MARKERS, TUMOUR_MARKERS
from .._sections import ScoredSection, Selection, as_list, counts, gene_names, scored_sections
from ..features import match_genes

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from spatialdata import SpatialData

FEWEST = 3
"""Genes of a set, and spots of either region, below which nothing is said."""
MAX_SPOTS = 20_000
"""Most spots of a section that are compared, evenly spaced over its rows."""
TARGET_SUM = 1e4
CLEAR = 0.1
"""Distance of an AUC from 0.5 above which a set counts as higher or lower in the called region."""
EXPECTED_HIGH, EXPECTED_LOW = (EPITHELIAL, PROLIFERATION), (STROMAL, IMMUNE, FAT)
COLUMNS = ("section", "set", "n_genes", "genes", "mean_cancer", "mean_normal", "difference", "auc")


def marker_check(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    *,
    markers: Mapping[str, Sequence[str]] | None = None,
    organ: str | None = None,
    key: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
) -> pd.DataFrame:
    """Compare known marker genes between the called cancer and the called normal spots of each section.

    Each set is scored in every spot by :func:`scanpy.tl.score_genes` on log-normalised counts: its mean expression
    minus that of control genes of like expression. A model that reads expression may have used these genes itself, so
    agreement is no independent proof; disagreement is a reason to look again.

    Parameters
    ----------
    data
        Sections scored by :func:`spacrd.tl.score`, in one object or a list of them.
    markers
        Sets of your own, names to genes, beside those of the package: ``epithelial``, ``proliferation``, ``stromal``,
        ``immune`` and ``fat`` (human symbols). One of the same name takes the place of the package's.
    organ
        ``"breast"`` or ``"pancreas"``, for a set of markers of its carcinoma, too.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    table_key
        Table of a SpatialData.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    layer
        Layer of raw counts; ``.X`` if None. Values that are no whole numbers count as log expression.

    Returns
    -------
    DataFrame with a row for each section and set: ``section``, ``set``, ``n_genes`` (of the set, found in the section),
    ``genes`` (their names), ``mean_cancer`` and ``mean_normal`` score, their ``difference`` in log expression, and
    ``auc``: how often a cancer spot has the higher score of two. NaN where fewer than 3 genes of the set are found, or
    fewer than 3 spots are called cancer or normal. Spots called ``uncertain`` are left out, and of more than 20,000
    spots of a section that many are compared. ``data`` is not changed.

    Raises
    ------
    KeyError
        If the sections were not scored under this key, or the layer does not exist.
    TypeError
        If ``markers`` is no dictionary of lists of names.
    ValueError
        If ``organ`` is not known, or names of genes are not unique.

    See Also
    --------
    spacrd.tl.explain : Which genes a likelihood rests on.
    spacrd.report : Shows this comparison of each section, in a sentence.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=200, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> table = spacrd.tl.marker_check(section, markers={"HER2": ["ERBB2", "GRB7", "STARD3"]})
    >>> table["set"].to_list()
    ['epithelial', 'proliferation', 'stromal', 'immune', 'fat', 'HER2']
    """
    import pandas as pd

    sets = _sets(markers, organ)
    selection = Selection(table_key=table_key, library_key=library_key)
    rows = []
    for item in as_list(data):
        for scored in scored_sections(item, key, selection):
            rows += _check_section(scored, sets, layer)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _sets(markers: Mapping[str, Sequence[str]] | None, organ: str | None) -> dict[str, tuple[str, ...]]:
    """Collect the sets of the package and the user's own."""
    sets = dict(TISSUE_MARKERS)
    if organ is not None:
        check_choice(organ, TUMOUR_MARKERS, "organ")
        sets[f"{organ} carcinoma"] = TUMOUR_MARKERS[organ]
    if markers is None:
        return sets
    if not isinstance(markers, Mapping):
        raise TypeError(f"markers must be a dictionary, names of sets to genes, got {type(markers).__name__}.")
    for name, genes in markers.items():
        listed = list(genes) if isinstance(genes, Iterable) and not isinstance(genes, str) else None
        if listed is None or not all(isinstance(gene, str) for gene in listed):
            raise TypeError(f"markers[{name!r}] must be a list of names of genes, got {genes!r}.")
        sets[str(name)] = tuple(dict.fromkeys(listed))
    return sets


def _check_section(scored: ScoredSection, sets: Mapping[str, Sequence[str]], layer: str | None) -> list[dict[str, Any]]:
    """Compare every set between the called regions of one section."""
    wanted = list(dict.fromkeys(gene for genes in sets.values() for gene in genes))
    names = gene_names(scored.section.table, wanted)[0]
    compared = np.flatnonzero((scored.region == CANCER) | (scored.region == NORMAL))
    if len(compared) > MAX_SPOTS:
        compared = compared[np.linspace(0, len(compared) - 1, MAX_SPOTS).round().astype(int)]
    cancer = scored.region[compared] == CANCER
    enough = min(cancer.sum(), (~cancer).sum()) >= FEWEST
    expression = _expression(scored, compared, names, layer) if enough else None
    rows = []
    for name, genes in sets.items():
        found = [names[column] for column in match_genes(list(genes), names) if column >= 0]
        usable = expression is not None and len(found) >= FEWEST
        score = _score(expression, found) if usable else np.full(len(compared), np.nan)
        rows.append(
            {
                "section": scored.section.name,
                "set": name,
                "n_genes": len(found),
                "genes": ", ".join(found),
                **_compare(score, cancer),
            }
        )
    return rows


def _expression(scored: ScoredSection, rows: np.ndarray, names: np.ndarray, layer: str | None) -> AnnData:
    """Make a table of log-normalised expression of some spots."""
    import pandas as pd
    import scanpy as sc
    from anndata import AnnData

    matrix = counts(scored.section, layer)[rows].astype(np.float32)
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise ValueError(
            f"Section {scored.section.name!r}: the expression holds negative or missing values. Pass counts, or "
            "log-normalised expression, with `layer`."
        )
    is_counts = bool((matrix.data >= 0).all() and (matrix.data == np.round(matrix.data)).all())
    twice = pd.Series(names).duplicated()
    index = pd.Index(pd.Series(names).where(~twice, pd.Series(names) + [f"-{i}" for i in range(len(names))]))
    table = AnnData(matrix, var=pd.DataFrame(index=index))
    if is_counts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of spots without counts
            sc.pp.normalize_total(table, target_sum=TARGET_SUM)
        sc.pp.log1p(table)
    return table


def _score(table: AnnData | None, genes: Sequence[str]) -> np.ndarray:
    """Score a set of genes in every spot, (n,); NaN where the panel is too small for control genes."""
    import scanpy as sc

    assert table is not None
    bins = int(np.clip(table.n_vars // 20, 1, 25))
    state = np.random.get_state()  # scanpy seeds the global generator, which is the user's  # noqa: NPY002
    try:
        sc.tl.score_genes(table, genes, n_bins=bins, score_name="score")
    except RuntimeError:  # no control genes
        return np.full(table.n_obs, np.nan)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return table.obs["score"].to_numpy(np.float64)


def _compare(score: np.ndarray, cancer: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    if not len(score) or not np.isfinite(score).all():
        return dict.fromkeys(("mean_cancer", "mean_normal", "difference", "auc"), float("nan"))
    inside, outside = float(score[cancer].mean()), float(score[~cancer].mean())
    auc = float(roc_auc_score(cancer, score))
    return {"mean_cancer": inside, "mean_normal": outside, "difference": inside - outside, "auc": auc}


def marker_sentence(table: pd.DataFrame) -> str:
    """Say in one sentence whether the called region of one section looks like a carcinoma; empty if nothing tells."""
    known = table[table["auc"].notna()].set_index("set")
    if known.empty:
        return ""
    higher, lower = (
        [f"{name} ({row['difference']:+.1f})" for name, row in known[chosen].iterrows()]
        for chosen in (known["auc"] >= 0.5 + CLEAR, known["auc"] <= 0.5 - CLEAR)
    )
    parts = [f"{word} in {_joined(names)} markers" for word, names in (("higher", higher), ("lower", lower)) if names]
    said = f"The called region is {' and '.join(parts)}" if parts else "The called region differs in no set of markers"
    return f"{said}{_judgement(known)}."


def _judgement(known: pd.DataFrame) -> str:
    """Judge by epithelial markers, by which a carcinoma differs from the tissue around it; empty without them."""
    if EPITHELIAL not in known.index:
        return ""
    against = [name for name in EXPECTED_LOW if name in known.index and known.loc[name, "auc"] >= 0.5 + CLEAR]
    if known.loc[EPITHELIAL, "auc"] < 0.5 + CLEAR:
        return ": not as expected of a carcinoma, as epithelial markers are not higher. Check it against the image"
    if against:
        return f": epithelial as a carcinoma, but {_joined(against)} markers are not expected. Check the image"
    return ": as expected of a carcinoma"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
