"""Cells or bins added up to the spots of another platform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._checks import check_choice, check_key, check_positive_number
from .._keys import Keys
from .._sections import Section, Stored, counts, get_table, split_sections
from .._sections._centres import transformations
from .._sections._images import place_rows
from ..image._geometry import ST_PITCH, VISIUM_PITCH

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix
    from spatialdata import SpatialData

LATTICES = ("hexagonal", "square")
OWN_COLUMNS = ("in_tissue", *(f"{name}_{axis}" for name in ("array", "lattice") for axis in ("row", "col")))
OWN_COLUMNS += ("n_cells", "region", "spot_id")
PLATFORMS = (("hexagonal", VISIUM_PITCH), ("square", ST_PITCH))
"""Lattices that `array_row` and `array_col` stand for; those of other pitches have other names."""
MAX_PLACES = 20_000_000
"""Places of a lattice, empty ones included: a slide of 5 cm at a pitch of 10 um has as many."""


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
        ``.obs`` column of classes to carry over: a spot gets the class most of its annotated cells have.
    mpp
        Micrometres per unit of the coordinate system; by default found as :func:`spacrd.pp.extract_patches` does.

    Returns
    -------
    A new object of the same kind, with the same images. Its table holds the sums, ``obs["n_cells"]``, and row and
    column of the lattice: ``obs["array_row"]`` and ``obs["array_col"]`` where it is that of Visium or legacy ST, else
    ``obs["lattice_row"]`` and ``obs["lattice_col"]``. Spots without any cell are left out. The spots of a SpatialData
    are circles in ``shapes["<region>_pseudospots"]``. ``uns["spacrd"]["pseudospots"]`` says how they were made.

    Raises
    ------
    ValueError
        If the scale cannot be found, or a number is out of range.
    KeyError
        If a name is unknown.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    Spots stand in for cells here, and circles of 250 um for spots:

    >>> spots = spacrd.pp.pseudospots(section, diameter_um=250, pitch_um=250)
    >>> spots["table"].n_obs < section["table"].n_obs
    True
    >>> int(spots["table"].obs["n_cells"].sum()) <= section["table"].n_obs
    True
    """
    check_positive_number(diameter_um, "diameter_um", "number of micrometres")
    check_positive_number(pitch_um, "pitch_um", "number of micrometres")
    check_choice(lattice, LATTICES, "lattice")
    table = get_table(data, table_key)
    if label_key is not None:
        check_key(label_key, table.obs.columns, "obs column")
    for name, shared in ((label_key, ""), (library_key, "region")):
        if name in OWN_COLUMNS and name != shared:
            raise ValueError(f"obs[{name!r}] is a column that pseudospots writes. Rename yours.")
    libraries = split_sections(data, table_key=table_key, library_key=library_key, region=region)
    if libraries[0].sdata is None and coordinate_system is not None:
        raise ValueError("coordinate_system is for SpatialData; an AnnData has none.")
    made = [_Spots.of(library, diameter_um, pitch_um, lattice, coordinate_system, mpp) for library in libraries]
    regions = [spots.library.region for spots in made]
    made = [replace(spots, alone=regions.count(spots.library.region) == 1) for spots in made]
    facts = {
        "diameter_um": float(diameter_um),
        "pitch_um": float(pitch_um),
        "lattice": lattice,
        "sections": {Keys.section(spots.name): spots.facts() for spots in made},
    }
    axes = "array" if (lattice, float(pitch_um)) in PLATFORMS else "lattice"
    whole = _table(made, table, layer, label_key, library_key, axes)
    whole.uns[Keys.UNS] = {Keys.PSEUDOSPOTS: facts}
    if libraries[0].sdata is None:
        images = table.uns.get(Keys.SPATIAL, {})
        own = {spots.name: spots for spots in made}
        own |= {name: made[0] for name in images if len(images) == len(made) == 1}
        whole.uns[Keys.SPATIAL] = {
            name: _with_diameter(entry, own[name]) for name, entry in images.items() if name in own
        }
        return whole
    return _sdata(libraries[0].sdata, made, whole)


@dataclass(frozen=True)
class _Spots:
    """Spots of one section, in units of its coordinate system, and which cells lie in each."""

    library: Section
    xy: np.ndarray
    array: np.ndarray
    member: csr_matrix
    um_per_unit: float
    source: str
    system: str | None
    diameter: float
    alone: bool = True
    """Whether no other section lies in the same region."""

    @classmethod
    def of(
        cls, library: Section, diameter_um: float, pitch_um: float, lattice: str, system: str | None, mpp: float | None
    ) -> _Spots:
        from scipy.sparse import csr_matrix
        from scipy.spatial import cKDTree

        cells, scale, system = place_rows(library, system, mpp)
        known = np.flatnonzero(np.isfinite(cells).all(axis=1))
        if not len(known):
            raise ValueError(f"Section {library.name!r}: no row has finite coordinates. Repair them.")
        unit = scale.um_per_unit
        centres, array = _lattice(cells[known], pitch_um / unit, lattice)
        near = cKDTree(centres).sparse_distance_matrix(
            cKDTree(cells[known]), diameter_um / unit / 2, output_type="ndarray"
        )
        ones = np.ones(len(near), np.float32)
        member = csr_matrix((ones, (near["i"], known[near["j"]])), shape=(len(centres), len(cells)))
        filled = np.flatnonzero(np.diff(member.indptr))
        if not len(filled):
            raise ValueError(
                f"Section {library.name!r}: no spot of {diameter_um:g} um holds the centre of a cell. "
                "Check the scale (`mpp`), or make spots larger."
            )
        return cls(
            library, centres[filled], array[filled], member[filled], unit, scale.source, system, diameter_um / unit
        )

    @property
    def name(self) -> str:
        """Name of the section of spots."""
        sdata, name = self.library.sdata, self.library.name
        if sdata is None:
            return name
        section = "" if self.alone else f"_{Keys.element(name)}"
        return f"{self.library.region}{section}_pseudospots"

    def facts(self) -> dict[str, Any]:
        """What is recorded."""
        return {
            "source": self.library.name,
            "um_per_unit": self.um_per_unit,
            "um_per_unit_source": self.source,
            "coordinate_system": self.system or "",
            "n_spots": len(self.xy),
            "n_cells": len(self.library.rows),
            "n_cells_in_spots": len(np.unique(self.member.indices)),
        }

    def labels(self, label_key: str) -> np.ndarray:
        """Commonest class among the annotated cells of each spot, object (n_spots,)."""
        codes, classes = pd.factorize(self.library.table.obs[label_key].iloc[self.library.rows])
        found = np.full(len(self.xy), np.nan, dtype=object)
        if len(classes):
            votes = np.column_stack([self.member @ (codes == k).astype(np.float32) for k in range(len(classes))])
            voted = votes.any(axis=1)
            found[voted] = np.asarray(classes, dtype=object)[votes.argmax(axis=1)][voted]
        return found


def _lattice(cells: np.ndarray, pitch: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Centres over the extent of the cells, (n, 2), and their row and column, counted as the platform does."""
    low, high = cells.min(axis=0), cells.max(axis=0)
    height = pitch * 3**0.5 / 2 if kind == "hexagonal" else pitch
    n_cols, n_rows = (int(n) + 2 for n in (high - low) / [pitch, height])
    if n_cols * n_rows > MAX_PLACES:
        raise ValueError(
            f"A lattice of {n_rows:,} x {n_cols:,} spots fits no section: `pitch_um` is too small, the scale "
            "wrong (`mpp`), or a cell lies far off the others."
        )
    rows, columns = (part.ravel() for part in np.mgrid[:n_rows, :n_cols])
    if kind == "hexagonal":
        columns = 2 * columns + rows % 2
    steps = [pitch / 2, height] if kind == "hexagonal" else [pitch, height]
    places = np.column_stack([columns, rows]) * steps
    return places - places.mean(axis=0) + (low + high) / 2, np.column_stack([rows, columns])


def _table(
    made: list[_Spots], table: AnnData, layer: str | None, label_key: str | None, library_key: str | None, axes: str
) -> AnnData:
    import anndata as ad
    from scipy.sparse import vstack

    sums, frames = [], []
    for spots in made:
        cells = counts(spots.library, layer)
        sums.append(spots.member @ (cells[:] if isinstance(cells, Stored) else cells))
        frame = pd.DataFrame(spots.array, columns=[f"{axes}_row", f"{axes}_col"])
        frame.insert(0, "in_tissue", 1)
        frame["n_cells"] = np.diff(spots.member.indptr).astype(np.int64)
        frame.index = [f"{spots.name}_{row}x{column}" for row, column in spots.array]
        if label_key is not None:
            frame[label_key] = spots.labels(label_key)
        if library_key is not None:
            frame[library_key] = spots.library.name
        frame["region"] = spots.name
        frames.append(frame)
    obs = pd.concat(frames)
    for column in {label_key, library_key, "region"} - {None}:
        obs[column] = pd.Categorical(obs[column])
    obs["spot_id"] = np.arange(len(obs))
    xy = np.concatenate([spots.xy for spots in made])
    return ad.AnnData(vstack(sums, format="csr"), obs=obs, var=table.var.copy(), obsm={Keys.SPATIAL: xy})


def _sdata(sdata: SpatialData, made: list[_Spots], table: AnnData) -> SpatialData:
    import geopandas
    from spatialdata import SpatialData
    from spatialdata.models import ShapesModel, TableModel
    from spatialdata.transformations import Identity

    shapes = {}
    for spots in made:
        rows = table.obs["region"] == spots.name
        frame = geopandas.GeoDataFrame(
            {"radius": spots.diameter / 2},
            geometry=geopandas.points_from_xy(*spots.xy.T),
            index=table.obs["spot_id"][rows],
        )
        shapes[spots.name] = ShapesModel.parse(frame, transformations={str(spots.system): Identity()})
    systems = {spots.system for spots in made}
    images = {name: image for name, image in sdata.images.items() if systems & set(transformations(image))}
    parsed = TableModel.parse(table, region=list(shapes), region_key="region", instance_key="spot_id")
    return SpatialData(images=images, shapes=shapes, tables={"table": parsed})


def _with_diameter(entry: Any, spots: _Spots) -> Any:
    """Images of an AnnData, and the diameter of the new spots: they are no bins any more."""
    factors = {**entry.get("scalefactors", {}), "spot_diameter_fullres": spots.diameter}
    factors.pop("bin_size_um", None)
    return {**entry, "scalefactors": factors}
