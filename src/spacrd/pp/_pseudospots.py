"""Cells or bins added up to the spots of another platform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_choice, check_key, check_micrometres
from .._keys import Keys
from .._sections import (
    Placement,
    Section,
    Selection,
    Stored,
    check_new_shapes,
    check_one_section,
    counts,
    gene_columns,
    get_table,
    place_rows,
    result_record,
    split_sections,
    transformations,
    warn_other_features,
    with_scale,
)
from ..image import ST_PITCH, VISIUM_PITCH
from ._spots import PooledSpots

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

LATTICES = ("hexagonal", "square")
OWN_COLUMNS = ("in_tissue", *(f"{name}_{axis}" for name in ("array", "lattice") for axis in ("row", "col")))
OWN_COLUMNS += ("n_cells", "spot_id")
NAMES = r"_\d+x\d+(?:-|$)"
"""Names of pseudo-spots, by which they are known where `anndata.concat` left the record out."""
PLATFORMS = (("hexagonal", VISIUM_PITCH), ("square", ST_PITCH))
"""Lattices that `array_row` and `array_col` stand for; those of other pitches have other names."""


def pseudospots(
    data: AnnData | SpatialData,
    *,
    diameter_um: float = 55.0,
    pitch_um: float = 100.0,
    lattice: Literal["hexagonal", "square"] = "hexagonal",
    table_key: str = "table",
    library_key: str | None = None,
    region: str | None = None,
    coordinate_system: str | None = None,
    layer: str | None = None,
    label_key: str | None = None,
    mpp: float | None = None,
) -> AnnData | SpatialData:
    """Add cells or bins up to spots of the size a model was fitted on.

    A model of Visium or legacy ST spots reads mixtures of some tens of cells, 100 or 200 um apart. Xenium cells and
    Visium HD bins are brought to that scale here; :func:`spacrd.tl.to_cells` carries the likelihoods back. A cell
    belongs to a spot if its centre lies in the circle. Counts are added up with one sparse product, because
    :func:`spatialdata.aggregate` takes no table that annotates labels, and makes a dense frame of cells by genes.

    Parameters
    ----------
    data
        Xenium, Visium HD or any other cells or bins with raw counts. It is left as it is.
    diameter_um
        Diameter of a spot: 55 for Visium, 100 for legacy ST.
    pitch_um
        Distance of neighbouring spots: 100 for Visium, 200 for legacy ST.
    lattice
        ``"hexagonal"`` as Visium, or ``"square"`` as legacy ST.
    table_key
        Table of a SpatialData.
    library_key
        ``.obs`` column of section names; each section gets spots of its own.
    region
        Take this region (or section) alone.
    coordinate_system
        Coordinate system of a SpatialData in which the lattice is straight; by default one that an image shares.
    layer
        Layer of raw counts; ``.X`` if None.
    label_key
        ``.obs`` column of classes to carry over: a spot gets the class most of its annotated cells have. If it is
        ``"region"``, the sections are named in ``obs["pseudospots"]`` instead of ``obs["region"]``.
    mpp
        Micrometres per unit of the coordinate system; by default found as :func:`spacrd.pp.extract_patches` does.

    Returns
    -------
    A new object of the same kind, with the same images. Its table holds the sums of the genes, ``obs["n_cells"]``, and
    row and column of the lattice: ``obs["array_row"]`` and ``obs["array_col"]`` if that of Visium or legacy ST,
    else ``obs["lattice_row"]`` and ``obs["lattice_col"]``. Spots without any cell are left out. The spots of a
    SpatialData are circles in ``shapes["<region>_pseudospots"]``. ``uns["spacrd"]["pseudospots"]`` says how they were
    made.

    Raises
    ------
    ValueError
        If the scale cannot be found, a number is out of range, or ``data`` are pseudo-spots already.
    KeyError
        If a name is unknown.

    Examples
    --------
    Spots take the place of cells here, and circles of 250 um that of spots:

    >>> import spacrd
    >>> section = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60)
    >>> spots = spacrd.pp.pseudospots(section, diameter_um=250, pitch_um=250)
    >>> spots["table"].n_obs < section["table"].n_obs
    True
    >>> int(spots["table"].obs["n_cells"].sum()) <= section["table"].n_obs
    True
    """
    check_micrometres(diameter_um, "diameter_um")
    check_micrometres(pitch_um, "pitch_um")
    check_choice(lattice, LATTICES, "lattice")
    table = get_table(data, table_key)
    _check_cells(table, label_key, library_key)
    selection = Selection(
        table_key=table_key,
        library_key=library_key,
        region=region,
        layer=layer,
        coordinate_system=coordinate_system,
    )
    sections = split_sections(data, selection)
    warn_other_features(sections)
    sdata = sections[0].sdata
    if sdata is None and coordinate_system is not None:
        raise ValueError("coordinate_system is for SpatialData; an AnnData has none.")
    made = [
        PooledSpots.of(section, _place(section, selection, mpp), diameter_um, pitch_um, lattice) for section in sections
    ]
    elements = [section.element for section in sections]
    made = [replace(spots, alone=elements.count(spots.section.element) == 1) for spots in made]
    if sdata is not None:
        check_new_shapes(sections[0], [spots.name for spots in made])
    axes = "array" if (lattice, float(pitch_um)) in PLATFORMS else "lattice"
    whole = _table(made, selection, label_key, axes)
    whole.uns[Keys.UNS] = {
        Keys.PSEUDOSPOTS: {
            "diameter_um": float(diameter_um),
            "pitch_um": float(pitch_um),
            "lattice": lattice,
            "sections": {Keys.section(spots.name): spots.facts() for spots in made},
        }
    }
    if sdata is not None:
        return _sdata(sdata, made, whole, _region_key(label_key))
    whole.uns[Keys.SPATIAL] = _images(table, made)
    return whole


def _check_cells(table: AnnData, label_key: str | None, library_key: str | None) -> None:
    """Refuse names that pseudo-spots give themselves, and pseudo-spots."""
    if label_key is not None:
        check_key(label_key, table.obs.columns, "obs column")
    for name in (label_key, library_key):
        if name in OWN_COLUMNS:
            raise ValueError(f"obs[{name!r}] is a column that pseudospots writes. Rename yours.")
    ours = "lattice_row" in table.obs or table.obs_names.str.contains(NAMES).all()
    if result_record(table, Keys.PSEUDOSPOTS) or ("n_cells" in table.obs and ours):
        raise ValueError(
            "These are pseudo-spots already: spots made of them would count spots for cells. Pass the cells or bins."
        )


def _place(section: Section, selection: Selection, mpp: float | None) -> Placement:
    """Place the cells of a section, with their scale."""
    placement = place_rows(section, selection)
    check_one_section(section, placement.xy)
    return with_scale(placement, section, mpp)


def _table(made: list[PooledSpots], selection: Selection, label_key: str | None, axes: str) -> AnnData:
    """Add up the counts of the cells in each spot."""
    import anndata as ad
    from scipy.sparse import vstack

    sums, frames = [], []
    for spots in made:
        cells = counts(spots.section, selection.layer)
        sums.append(spots.member @ (cells[:] if isinstance(cells, Stored) else cells))
        frame = pd.DataFrame(spots.array, columns=[f"{axes}_row", f"{axes}_col"])
        frame.insert(0, "in_tissue", 1)
        frame["n_cells"] = np.diff(spots.member.indptr).astype(np.int64)
        frame.index = [f"{spots.name}_{row}x{column}" for row, column in spots.array]
        if label_key is not None:
            frame[label_key] = spots.labels(label_key)
        if selection.library_key is not None:
            frame[selection.library_key] = spots.section.name
        frame[_region_key(label_key)] = spots.name
        frames.append(frame)
    obs = pd.concat(frames)
    for column in {label_key, selection.library_key, _region_key(label_key)} - {None}:
        obs[column] = pd.Categorical(obs[column])
    obs["spot_id"] = np.arange(len(obs))
    xy = np.concatenate([spots.xy for spots in made])
    cells = made[0].section.table
    var = cells.var.iloc[gene_columns(cells)].copy()
    return ad.AnnData(vstack(sums, format="csr"), obs=obs, var=var, obsm={Keys.SPATIAL: xy})


def _region_key(label_key: str | None) -> str:
    """Name the column of the sections of spots; the classes to carry over may be in "region"."""
    return "region" if label_key != "region" else "pseudospots"


def _sdata(sdata: SpatialData, made: list[PooledSpots], table: AnnData, region_key: str) -> SpatialData:
    """Put the table into a SpatialData, with the spots as circles and the images of the cells."""
    import geopandas
    from spatialdata import SpatialData
    from spatialdata.models import ShapesModel, TableModel
    from spatialdata.transformations import Identity

    shapes = {}
    for spots in made:
        rows = table.obs[region_key] == spots.name
        frame = geopandas.GeoDataFrame(
            {"radius": spots.diameter / 2},
            geometry=geopandas.points_from_xy(*spots.xy.T),
            index=table.obs["spot_id"][rows],
        )
        shapes[spots.name] = ShapesModel.parse(
            frame, transformations={str(spots.placement.coordinate_system): Identity()}
        )
    systems = {spots.placement.coordinate_system for spots in made}
    images = {name: image for name, image in sdata.images.items() if systems & set(transformations(image))}
    parsed = TableModel.parse(table, region=list(shapes), region_key=region_key, instance_key="spot_id")
    return SpatialData(images=images, shapes=shapes, tables={"table": parsed})


def _images(table: AnnData, made: list[PooledSpots]) -> dict[str, Any]:
    """Return the images of an AnnData for the new spots."""
    images = table.uns.get(Keys.SPATIAL, {})
    spots_of = {spots.name: spots for spots in made}
    spots_of |= {name: made[0] for name in images if len(images) == len(made) == 1}
    return {name: _with_diameter(entry, spots_of[name]) for name, entry in images.items() if name in spots_of}


def _with_diameter(entry: Any, spots: PooledSpots) -> Any:
    """Replace the spot diameter of an entry of ``uns["spatial"]``; the spots are no bins any more."""
    factors = {**entry.get("scalefactors", {}), "spot_diameter_fullres": spots.diameter}
    factors.pop("bin_size_um", None)
    return {**entry, "scalefactors": factors}
