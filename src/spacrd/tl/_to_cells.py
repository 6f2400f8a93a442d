"""Transfer likelihoods from pseudo-spots to cells or bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, check_key
from .._keys import Keys
from .._sections import (
    ScoredSection,
    Scores,
    Section,
    Selection,
    get_table,
    place_rows,
    result_record,
    scored_sections,
    split_sections,
    write_scores,
)
from ._call import call_regions, recorded_level

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def to_cells(
    data: AnnData | SpatialData,
    spots: AnnData | SpatialData,
    *,
    key: str = Keys.DEFAULT,
    table_key: str = "table",
    library_key: str | None = None,
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Transfer the likelihoods of pseudo-spots to the cells or bins that they were made of.

    The likelihood of a cell is the mean over the spots less than a pitch away, weighted by ``1 - distance / pitch``. It
    describes the surroundings of the cell: a lymphocyte among tumour cells has the same likelihood as these.

    Parameters
    ----------
    data
        Input of :func:`spacrd.pp.pseudospots`; rows may have been filtered or shuffled since.
    spots
        Result of :func:`spacrd.pp.pseudospots`, scored with :func:`spacrd.tl.score`.
    key
        ``key_added`` of the scoring; results have the same names in ``data``.
    table_key
        Table of ``data``, if it is a SpatialData.
    library_key
        ``.obs`` column of section names that was given to ``pseudospots``.
    copy
        Return a copy instead of writing into ``data``.

    Returns
    -------
    The copy if ``copy``, else None. Written: ``.obs["spacrd_likelihood"]``, ``.obs["spacrd_uncertainty"]``,
    ``.obs["spacrd_region"]``, called at the threshold of the spots, and their report in ``.uns["spacrd"]["spacrd"]``.
    Cells a pitch or more from every scored spot, and cells of sections that have no spots, are NaN.

    Raises
    ------
    ValueError
        If ``spots`` are not pseudo-spots, or lie in none of these sections.
    KeyError
        If ``spots`` were not scored.

    Examples
    --------
    Spots take the place of cells here, and circles of 250 um that of spots:

    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer", modality="expression")
    >>> spots = spacrd.pp.pseudospots(section, diameter_um=250, pitch_um=250)
    >>> spacrd.tl.score(spots, model)
    >>> spacrd.tl.to_cells(section, spots)
    >>> section["table"].obs["spacrd_likelihood"].between(0, 1).mean() > 0.9
    np.True_
    """
    check_bools(copy=copy)
    record = result_record(get_table(spots), Keys.PSEUDOSPOTS)
    made = record.get("sections", {})
    if not made:
        raise ValueError("`spots` were not made by spacrd.pp.pseudospots: uns['spacrd'] has no 'pseudospots'.")
    spots_of = {}
    for scored in scored_sections(spots, key, Selection(library_key=library_key)):
        facts = made[Keys.section(scored.section.element or scored.section.name)]
        spots_of[str(facts["source"])] = scored, facts
    sections = split_sections(data, Selection(table_key=table_key, library_key=library_key))
    if not any(section.name in spots_of for section in sections):
        check_key(sections[0].name, spots_of, "section of pseudo-spots")
    n_obs = sections[0].table.n_obs
    likelihood, uncertainty = (np.full(n_obs, np.nan, np.float32) for _ in range(2))
    region = np.full(n_obs, np.nan, dtype=object)
    reports = {}
    for section in sections:
        if section.name not in spots_of:
            continue
        scored, facts = spots_of[section.name]
        cells = _carry(section, scored, facts, float(record["pitch_um"]))
        n_scored = int(np.isfinite(cells.likelihood).sum())
        if np.isfinite(scored.likelihood).any() and not n_scored:
            raise ValueError(
                f"No cell of section {section.name!r} lies within a pitch of a scored spot. Were the spots made of "
                "another section, or cells left out since?"
            )
        likelihood[section.rows], uncertainty[section.rows] = cells.likelihood, cells.uncertainty
        region[section.rows] = call_regions(cells.likelihood, cells.threshold, recorded_level(cells.report))
        reports[Keys.section(section.name)] = {**scored.report, "n_scored": n_scored, "carried_from": "pseudospots"}
    return write_scores(
        data,
        key,
        table_key=table_key,
        scores=Scores(region, likelihood, uncertainty),
        record={**result_record(get_table(spots), key), "library_key": library_key or "", "sections": reports},
        copy=copy,
    )


def _carry(section: Section, scored: ScoredSection, facts: Any, pitch_um: float) -> ScoredSection:
    """Compute the weighted mean of the spots around each cell of a section."""
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    cells = place_rows(section, Selection(coordinate_system=str(facts["coordinate_system"]) or None)).xy
    centres = np.asarray(scored.section.table.obsm[Keys.SPATIAL], dtype=np.float64)[scored.section.rows]
    usable = np.flatnonzero(np.isfinite(scored.likelihood))
    finite = np.flatnonzero(np.isfinite(cells).all(axis=1))
    pitch = pitch_um / float(facts["um_per_unit"])
    near = cKDTree(cells[finite]).sparse_distance_matrix(cKDTree(centres[usable]), pitch, output_type="ndarray")
    # Rounding gives spots at exactly a pitch a weight of 1e-16, which would be the only one of a distant cell.
    near = near[near["v"] < pitch * (1 - 1e-9)]
    weights = csr_matrix(
        (1 - near["v"] / pitch, (finite[near["i"]], usable[near["j"]])), shape=(len(cells), len(centres))
    )
    total = np.asarray(weights.sum(axis=1)).ravel()

    def mean(values: np.ndarray) -> np.ndarray:
        summed = weights @ np.where(np.isfinite(scored.likelihood), values, 0.0)
        return np.divide(summed, total, out=np.full(len(cells), np.nan), where=total > 0)

    return ScoredSection(
        section, mean(scored.likelihood), mean(scored.uncertainty), np.full(len(cells), None, object), scored.report
    )
