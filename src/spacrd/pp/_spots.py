"""Spots laid over the cells or bins of a section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import warn
from .._keys import Keys
from .._sections import Placement, Section

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_PLACES = 20_000_000
"""Places of a lattice, empty ones included: a slide of 5 cm at a pitch of 10 um has as many."""


@dataclass(frozen=True)
class PooledSpots:
    """Spots made of the cells of one section.

    Attributes
    ----------
    section
        The section of cells.
    placement
        Where its cells lie; the spots lie in the same coordinate system.
    xy
        Centres of the spots, (n_spots, 2).
    array
        Their row and column on the lattice, (n_spots, 2).
    member
        Which cells lie in each spot, (n_spots, n_cells).
    diameter
        Their diameter in units of the coordinate system.
    alone
        Whether no other section annotates the same element.
    """

    section: Section
    placement: Placement
    xy: np.ndarray
    array: np.ndarray
    member: csr_matrix
    diameter: float
    alone: bool = True

    @classmethod
    def of(
        cls, section: Section, placement: Placement, diameter_um: float, pitch_um: float, lattice: str
    ) -> PooledSpots:
        from scipy.sparse import csr_matrix
        from scipy.spatial import cKDTree

        cells = placement.xy
        finite = np.flatnonzero(np.isfinite(cells).all(axis=1))
        if not len(finite):
            raise ValueError(f"Section {section.name!r}: no row has finite coordinates. Repair them.")
        if lost := len(cells) - len(finite):
            warn(f"Section {section.name!r}: {lost} of {len(cells)} rows have no finite coordinates and join no spot.")
        diameter, pitch = diameter_um / placement.um_per_unit, pitch_um / placement.um_per_unit
        centres, array = lay_lattice(cells[finite], pitch, lattice)
        near = cKDTree(centres).sparse_distance_matrix(cKDTree(cells[finite]), diameter / 2, output_type="ndarray")
        ones = np.ones(len(near), np.float32)
        member = csr_matrix((ones, (near["i"], finite[near["j"]])), shape=(len(centres), len(cells)))
        filled = np.flatnonzero(np.diff(member.indptr))
        if not len(filled):
            raise ValueError(
                f"Section {section.name!r}: no spot of {diameter_um:g} um holds the centre of a cell. "
                "Check the scale (`mpp`), or make spots larger."
            )
        return cls(section, placement, centres[filled], array[filled], member[filled], diameter)

    @property
    def name(self) -> str:
        """Name of the section of spots."""
        if self.section.sdata is None:
            return self.section.name
        suffix = "" if self.alone else f"_{Keys.element(self.section.name)}"
        return f"{self.section.element}{suffix}_pseudospots"

    def facts(self) -> dict[str, Any]:
        """Return what is recorded."""
        return {
            "source": self.section.name,
            "um_per_unit": self.placement.um_per_unit,
            "um_per_unit_source": self.placement.scale.source,
            "coordinate_system": self.placement.coordinate_system or "",
            "n_spots": len(self.xy),
            "n_cells": len(self.section.rows),
            "n_cells_in_spots": len(np.unique(self.member.indices)),
        }

    def labels(self, label_key: str) -> np.ndarray:
        """Find the commonest class among the annotated cells of each spot, object (n_spots,)."""
        codes, classes = pd.factorize(self.section.table.obs[label_key].iloc[self.section.rows])
        commonest = np.full(len(self.xy), np.nan, dtype=object)
        if len(classes):
            votes = np.column_stack([self.member @ (codes == k).astype(np.float32) for k in range(len(classes))])
            voted = votes.any(axis=1)
            commonest[voted] = np.asarray(classes, dtype=object)[votes.argmax(axis=1)][voted]
        return commonest


def lay_lattice(cells: np.ndarray, pitch: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Lay centres over the extent of the cells, (n, 2), and count their row and column as the platform does."""
    low, high = cells.min(axis=0), cells.max(axis=0)
    height = pitch * 3**0.5 / 2 if kind == "hexagonal" else pitch
    n_cols, n_rows = (int(n) + 2 for n in (high - low) / [pitch, height])
    if n_cols * n_rows > MAX_PLACES:
        raise ValueError(
            f"A lattice of {n_rows:,} x {n_cols:,} spots fits no section: `pitch_um` is too small, the scale "
            "wrong (`mpp`), or a cell lies far off the others."
        )
    rows, columns = (grid.ravel() for grid in np.mgrid[:n_rows, :n_cols])
    if kind == "hexagonal":
        columns = 2 * columns + rows % 2
    steps = [pitch / 2, height] if kind == "hexagonal" else [pitch, height]
    centres = np.column_stack([columns, rows]) * steps
    return centres - centres.mean(axis=0) + (low + high) / 2, np.column_stack([rows, columns])
