"""Explain likelihoods by modalities, genes and neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_bools, check_choice, check_key, check_positive_int, check_result_key, quote_names, warn
from .._keys import Keys
from .._sections import Selection, gene_columns, gene_names, get_table, result_record, split_sections, write_results
from ..explanation import SOURCES, attention_role, explain_section
from ..features import match_genes
from ..model import SpaCRD
from ._match import check_match, check_model
from ._read import read_for_model

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

MAX_REGIONS = 100
"""Most categories of a column of regions."""


def explain(
    data: AnnData | SpatialData,
    model: SpaCRD,
    *,
    n_steps: int = 128,
    groupby: str | None = None,
    key_added: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    layer: str | None = None,
    on_mismatch: Literal["error", "warn"] = "error",
    batch_size: int = 256,
    device: str | None = None,
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Explain the likelihoods of spots by contributions of modalities, genes and neighbours.

    Contributions are differences of the logit between a spot and the mean spot of its section, positive towards cancer.
    They add up to the logit before it is shifted to the expected share of cancer and bounded (see
    :class:`spacrd.model.Calibration`); without a calibration, to the logit.

    Discriminants and linear votes are divided exactly. The vote of a network's attention is divided by integrated
    gradients [1]_ from the section's mean input, with a small error that is recorded. Contributions describe the model,
    not the tissue: of correlated genes, the model may use only one.

    Parameters
    ----------
    data
        One section or several; several are told apart by ``library_key``, or by the regions of a SpatialData.
    model
        The model that scored ``data``.
    n_steps
        Most points of the integral for the vote of an attention. They are doubled from 8 until the largest error is at
        most 1 % of the range of the votes. The default recipe has no attention.
    groupby
        ``.obs`` column of regions over which contributions of genes are averaged; the regions that
        :func:`spacrd.tl.score` called, ``.obs["spacrd_region"]``, if None.
    key_added
        Prefix of everything written, and of the called regions.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names; if None, the one that was used for scoring, if any.
    layer
        Layer of raw counts; ``.X`` if None.
    on_mismatch
        As in :func:`spacrd.tl.score`.
    batch_size
        Neighbourhoods per block of the attention's vote; changes speed and memory, not the result.
    device
        Torch device; the package setting if None.
    copy
        Return a copy instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written, in units of the logit, NaN where a spot has no likelihood:

    - ``.obsm["spacrd_contributions"]``: DataFrame float32, columns ``image`` and ``expression``, as far as the model
      reads them, and ``base``: the effect of missing modalities and neighbours.
    - ``.obsm["spacrd_sources"]``: DataFrame float32, columns ``own``, ``neighbours`` and ``propagation``: contributions
      of the spot itself, of its nearest neighbours, and of propagation over the section. Their sum is that of the
      modalities.
    - ``.varm["spacrd_contributions"]``: DataFrame float32 (n_vars, regions): mean contribution of each gene over the
      spots of a region, of all sections together; NaN for genes the model does not read. Only if it reads expression.
    - ``.uns["spacrd"]["spacrd_explanation"]``: model, ``attention`` (``"votes"`` or
      ``"none"``), a table ``regions`` of their numbers of spots and mean contributions, and the largest
      error of the integral of each section.

    Raises
    ------
    TypeError
        If ``model`` is not a model, or the column of regions holds numbers.
    KeyError
        If a column, layer or table is missing.
    ValueError
        If the section does not fit the model, or an argument is out of bounds; ``data`` is then unchanged.

    See Also
    --------
    spacrd.pl.explain : Plot the contributions.

    References
    ----------
    .. [1] Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spacrd.tl.score(section, model)
    >>> spacrd.tl.explain(section, model)
    >>> section["table"].obsm["spacrd_contributions"].columns.to_list()
    ['expression', 'base']
    >>> len(section["table"].varm["spacrd_contributions"]["cancer"].nlargest(5))  # genes
    5
    """
    check_model(model)
    check_result_key(key_added)
    check_bools(copy=copy)
    check_choice(on_mismatch, ("error", "warn"), "on_mismatch")
    for name, value in (("n_steps", n_steps), ("batch_size", batch_size)):
        check_positive_int(value, name)
    table = get_table(data, table_key)
    scored = result_record(table, key_added)
    if groupby is None and scored.get("model", model.id) != model.id:
        warn(f"The regions of {key_added!r} were called by model {scored['model']}; this is model {model.id}.")
    column = Keys.region(key_added) if groupby is None else groupby
    members = _regions(table, column, called=groupby is None)
    library_key = library_key or scored.get("library_key") or None
    columns = [*model.config.modalities, "base"]
    contributions = np.full((table.n_obs, len(columns)), np.nan)
    sources = np.full((table.n_obs, len(SOURCES)), np.nan)
    genes = np.full((model.config.n_candidates, members.shape[1]), np.nan)
    sections = {}
    for section in split_sections(data, Selection(table_key=table_key, library_key=library_key)):
        arrays = read_for_model(section, model, layer, load=True)
        check_match(arrays, model, on_mismatch=on_mismatch, done="explained")
        explanation = explain_section(
            model, arrays, members.to_numpy()[section.rows], n_steps=n_steps, batch_size=batch_size, device=device
        )
        contributions[section.rows] = np.column_stack([explanation.contributions, explanation.base])
        sources[section.rows] = explanation.sources
        genes = np.where(np.isnan(genes), explanation.genes, genes + np.nan_to_num(explanation.genes))
        sections[Keys.section(section.name)] = {"largest_error": explanation.error}
    explained = pd.DataFrame(contributions, index=table.obs_names, columns=columns)
    regions = _mean_by_region(explained, members)
    record = {**_model_record(model), "groupby": column, "n_steps": n_steps, "regions": regions, "sections": sections}
    by_source = pd.DataFrame(sources.astype(np.float32), index=table.obs_names, columns=list(SOURCES))
    return write_results(
        data,
        table_key=table_key,
        obs={},
        obsm={Keys.contributions(key_added): explained.astype(np.float32), Keys.sources(key_added): by_source},
        varm={Keys.contributions(key_added): _by_gene(table, model, genes, regions)} if len(genes) else {},
        uns={Keys.explanation(key_added): record},
        copy=copy,
    )


def _model_record(model: SpaCRD) -> dict[str, Any]:
    """Describe the model for ``.uns``."""
    return {
        "model": model.id,
        "attention": attention_role(model),
        "calibrated": bool(model.config.calibration.n_sections),
    }


def _mean_by_region(explained: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Average the contributions over the spots of each region, after their number ``n_spots``."""
    inside = members.to_numpy() & explained.notna().all(axis=1).to_numpy()[:, None]
    means = pd.DataFrame({name: explained[rows].mean() for name, rows in zip(members, inside.T, strict=True)}).T
    means.insert(0, "n_spots", inside.sum(axis=0))
    return means


def _regions(table: AnnData, column: str, *, called: bool) -> pd.DataFrame:
    """Find which spots belong to each region, (n_obs, r) bool, under names that AnnData can store."""
    hint = "Score first with spacrd.tl.score, or name a column of regions with `groupby`."
    check_key(column, table.obs.columns, "obs column", hint=hint if called else "")
    values = table.obs[column]
    if values.dtype.kind == "f":
        raise TypeError(f"obs[{column!r}] holds {values.dtype}; regions must be categories, text or truth values.")
    values = values.astype("category").cat.remove_unused_categories()
    if not 1 <= len(values.cat.categories) <= MAX_REGIONS:
        raise ValueError(
            f"obs[{column!r}] names {len(values.cat.categories)} regions; expected 1 to {MAX_REGIONS}. "
            "Name another column with `groupby`."
        )
    names = [str(name) for name in values.cat.categories]
    if len(set(names)) < len(names):
        raise ValueError(
            f"obs[{column!r}] names regions by text and by number: {quote_names(names)}. Make them all text."
        )
    return pd.DataFrame({Keys.section(str(name)): (values == name).to_numpy(bool) for name in values.cat.categories})


def _by_gene(table: AnnData, model: SpaCRD, sums: np.ndarray, regions: pd.DataFrame) -> pd.DataFrame:
    """Average the contributions of each gene of the table over each region."""
    contract = model.config.expression
    assert contract is not None
    column = match_genes(contract.candidates, gene_names(table, contract.genes)[0])
    number = regions["n_spots"].to_numpy()
    means = np.divide(sums, number, out=np.full(sums.shape, np.nan), where=number > 0)
    values = np.full((table.n_vars, len(regions)), np.nan, dtype=np.float32)
    values[gene_columns(table)[column[column >= 0]]] = means[column >= 0]
    return pd.DataFrame(values, index=table.var_names, columns=list(regions.index))
