"""Likelihoods of pseudo-spots back to the cells or bins they were made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import check_key
from .._keys import REGION_COLORS, Keys
from .._sections import (
    ScoredSection,
    Section,
    get_table,
    result_record,
    scored_sections,
    split_sections,
    write_results,
)
from .._sections._images import place_rows
from ._call import call_regions

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
    """Carry the likelihoods of pseudo-spots back to the cells or bins they were made of.

    The likelihood of a cell is the mean over the spots less than a pitch away, weighted by ``1 - distance / pitch``:
    at the centre of a spot it is that spot's. It is a likelihood of the cell's surroundings, as fine as the spots, and
    does not tell a lymphocyte from the tumour cells around it.

    Parameters
    ----------
    data
        What :func:`spacrd.pp.pseudospots` was given; rows may have been filtered or shuffled since.
    spots
        What it returned, scored with :func:`spacrd.tl.score`.
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
        If ``spots`` are no pseudo-spots, or of none of these sections.
    KeyError
        If ``spots`` were not scored.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    Spots stand in for cells here, and circles of 250 um for spots:

    >>> spots = spacrd.pp.pseudospots(section, diameter_um=250, pitch_um=250)
    >>> spacrd.pp.extract_patches(spots, patch_um=model.config.image.patch_um)
    >>> spacrd.tl.score(spots, model)
    >>> spacrd.tl.to_cells(section, spots)
    >>> section["table"].obs["spacrd_likelihood"].between(0, 1).mean() > 0.9
    np.True_
    """
    record = result_record(get_table(spots), Keys.PSEUDOSPOTS)
    made = record.get("sections", {})
    if not made:
        raise ValueError("`spots` were not made by spacrd.pp.pseudospots: uns['spacrd'] has no 'pseudospots'.")
    scored = {}
    for section in scored_sections(spots, key=key, table_key="table", library_key=library_key):
        facts = made[Keys.section(section.library.region or section.library.name)]
        scored[str(facts["source"])] = section, facts
    table = get_table(data, table_key)
    libraries = split_sections(data, table_key=table_key, library_key=library_key)
    if not any(library.name in scored for library in libraries):
        check_key(libraries[0].name, scored, "section of pseudo-spots")
    likelihood, uncertainty = (np.full(table.n_obs, np.nan, np.float32) for _ in range(2))
    region = np.full(table.n_obs, np.nan, dtype=object)
    sections = {}
    for library in libraries:
        if library.name not in scored:
            continue
        section, facts = scored[library.name]
        carried = _carry(library, section, facts, float(record["pitch_um"]))
        if np.isfinite(section.likelihood).any() and not np.isfinite(carried.likelihood).any():
            raise ValueError(
                f"No cell of section {library.name!r} lies within a pitch of a scored spot. Were the spots made of "
                "another section, or cells left out since?"
            )
        rows = library.rows
        likelihood[rows], uncertainty[rows] = carried.likelihood, carried.uncertainty
        region[rows] = call_regions(carried.likelihood, carried.threshold, carried.interval())
        scored_here = int(np.isfinite(carried.likelihood).sum())
        sections[Keys.section(library.name)] = {
            **section.report,
            "n_scored": scored_here,
            "carried_from": "pseudospots",
        }
    stored = {**result_record(get_table(spots), key), "library_key": library_key or "", "sections": sections}
    return write_results(
        data,
        table_key=table_key,
        obs={
            Keys.likelihood(key): likelihood,
            Keys.uncertainty(key): uncertainty,
            Keys.region(key): pd.Categorical(region, categories=list(REGION_COLORS)),
        },
        obsm={},
        uns={key: stored},
        colors={Keys.region_colors(key): list(REGION_COLORS.values())},
        copy=copy,
    )


def _carry(library: Section, spots: ScoredSection, facts: Any, pitch_um: float) -> ScoredSection:
    """The cells of a section with what the spots around each have."""
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    unit = float(facts["um_per_unit"])
    cells, _, _ = place_rows(library, str(facts["coordinate_system"]) or None, mpp=unit)
    centres = np.asarray(spots.library.table.obsm[Keys.SPATIAL], dtype=np.float64)[spots.library.rows]
    usable = np.flatnonzero(np.isfinite(spots.likelihood))
    known = np.flatnonzero(np.isfinite(cells).all(axis=1))
    pitch = pitch_um / unit
    near = cKDTree(cells[known]).sparse_distance_matrix(cKDTree(centres[usable]), pitch, output_type="ndarray")
    # Rounding leaves spots at exactly a pitch a weight of 1e-16, which would be all that a distant cell has.
    near = near[near["v"] < pitch * (1 - 1e-9)]
    weights = csr_matrix(
        (1 - near["v"] / pitch, (known[near["i"]], usable[near["j"]])), shape=(len(cells), len(centres))
    )
    total = np.asarray(weights.sum(axis=1)).ravel()

    def mean(values: np.ndarray) -> np.ndarray:
        summed = weights @ np.where(np.isfinite(spots.likelihood), values, 0.0)
        return np.divide(summed, total, out=np.full(len(cells), np.nan), where=total > 0)

    return ScoredSection(
        library, mean(spots.likelihood), mean(spots.uncertainty), np.full(len(cells), None, object), spots.report
    )
