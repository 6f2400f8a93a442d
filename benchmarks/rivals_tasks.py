"""Tasks of the rivals' table: which sections are fitted on, which are scored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from benchmarks.rivals_sections import (
    LITE0,
    BenchSection,
    block_a,
    embedding,
    her2st,
    normal_part,
    parts,
    pdac,
    tumour_free,
    xenium_cells,
    xenium_spots,
)
from benchmarks.sections import PROTOCOLS

Sections = dict[str, BenchSection]


@dataclass(frozen=True)
class Fold:
    """What is fitted on, and what is scored for which task.

    Attributes
    ----------
    name
        What is held out.
    training
        Names of the sections to fit on.
    held_out
        Task of each section to score.
    """

    name: str
    training: tuple[str, ...]
    held_out: dict[str, str]


@dataclass(frozen=True)
class Group:
    """Tasks that share their fits.

    Attributes
    ----------
    sections
        Reads all sections by name; embeddings are kept in the folder it is given.
    folds
        Makes the folds.
    """

    sections: Callable[[Path], Sections]
    folds: Callable[[], list[Fold]]


def scratch() -> Path:
    """Folder of runs and embeddings, outside the repository."""
    return Path(os.environ.get("SPACRD_RIVALS") or Path(tempfile.gettempdir()) / "spacrd_rivals")


def expression_sections(folder: Path) -> Sections:
    sections = {name: her2st(name) for name in PROTOCOLS["expression"]}
    return sections | {tumour_free(name): normal_part(section) for name, section in sections.items()}


def expression_folds() -> list[Fold]:
    """One section left out; it is scored whole, and its spots that are not cancer by themselves."""
    tasks = ("a: her2st expression", "g: tumour-free")
    return [
        Fold(fold.name, fold.training, {fold.name: tasks[0], tumour_free(fold.name): tasks[1]})
        for fold in leave_one_out("", PROTOCOLS["expression"])
    ]


def image_sections(encoder: str, folder: Path) -> Sections:
    return {name: her2st(name, embedding(name, encoder, folder)) for name in PROTOCOLS["multimodal"]}


def image_folds(encoder: str) -> list[Fold]:
    """One patient left out."""
    names, task = PROTOCOLS["multimodal"], f"b: her2st image + expression ({encoder})"
    folds = []
    for patient in dict.fromkeys(name[0] for name in names):
        held_out = {name: task for name in names if name[0] == patient}
        folds.append(Fold(patient, tuple(name for name in names if name[0] != patient), held_out))
    return folds


def leave_one_out(task: str, names: tuple[str, ...]) -> list[Fold]:
    return [Fold(left, tuple(name for name in names if name != left), {left: task}) for left in names]


def quadrant_sections(folder: Path) -> Sections:
    return parts(*xenium_cells())


def strip_sections(folder: Path) -> Sections:
    """Thirds of the spots from left to right."""
    whole = pdac()
    return parts(whole, np.array(STRIPS)[thirds(whole.arrays.xy[:, 0])])


def thirds(values: np.ndarray) -> np.ndarray:
    """Third of each value, 0, 1 or 2."""
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")


def transfer_sections(folder: Path) -> Sections:
    sections = {name: her2st(name) for name in PROTOCOLS["expression"]}
    return sections | {section.arrays.name: section for section in (xenium_cells()[0], xenium_spots(), pdac())}


def transfer_folds() -> list[Fold]:
    targets = ("Xenium cells", "Xenium pseudo-spots", "PDAC-A")
    return [Fold("all", PROTOCOLS["expression"], {name: f"e: her2st to {name}" for name in targets})]


def block_sections(folder: Path) -> Sections:
    """Nine blocks of about as many spots: thirds from top to bottom, each in thirds from left to right."""
    whole = block_a(folder)
    x, y = whole.arrays.xy.T
    row, column = thirds(y), np.empty(len(x), dtype=int)
    for number in range(3):
        column[row == number] = thirds(x[row == number])
    return parts(whole, np.array(BLOCKS)[3 * row + column])


QUADRANTS, STRIPS = ("q00", "q01", "q10", "q11"), ("left", "middle", "right")
BLOCKS = tuple(f"row {i} column {j}" for i in range(3) for j in range(3))
GROUPS = {
    "ag": Group(expression_sections, expression_folds),
    "b-handcrafted": Group(partial(image_sections, "handcrafted"), partial(image_folds, "handcrafted")),
    "b-lite0": Group(partial(image_sections, LITE0), partial(image_folds, LITE0)),
    "c": Group(quadrant_sections, partial(leave_one_out, "c: Xenium quadrants", QUADRANTS)),
    "d": Group(strip_sections, partial(leave_one_out, "d: PDAC-A strips", STRIPS)),
    "e": Group(transfer_sections, transfer_folds),
    "f": Group(block_sections, partial(leave_one_out, "f: block A image", BLOCKS)),
}
"""Groups of tasks that share fits: (a) and (g) do."""


@cache
def sections_of(group: str, folder: Path) -> Sections:
    """All sections of a group, read once per process."""
    return GROUPS[group].sections(folder)
