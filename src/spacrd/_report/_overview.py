"""Overview of many sections: the cohort plot and a table that can be sorted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _figures

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Head:
    """Heading of a column."""

    text: str
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and the value it is sorted by; empty where it is not known."""

    text: str
    value: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """One section and the place of its page."""

    cells: list[Cell]
    link: str


@dataclass(frozen=True)
class Overview:
    """Overview of all sections."""

    figure: _figures.Drawn
    heads: list[Head]
    rows: list[Row]


HEADS = {
    "section": Head("Section"),
    "platform": Head("Platform"),
    "n_spots": Head("Spots", numeric=True),
    "verdict": Head("Verdict"),
    "expected_share": Head("Expected cancer", numeric=True),
    "called_share": Head("Called cancer", numeric=True),
    "uncertain_share": Head("Uncertain", numeric=True),
    "called_area_mm2": Head("Called, mm²", numeric=True),
    "mean_uncertainty": Head("Mean uncertainty", numeric=True),
    "gene_coverage": Head("Genes found", numeric=True),
    "warnings": Head("Warnings"),
}
"""Columns of the summary that the table shows."""
PERCENT = ("expected_share", "called_share", "uncertain_share", "gene_coverage")


def overview_of(table: pd.DataFrame, links: Sequence[str]) -> Overview:
    """Make the overview of a summary, whose rows lead to ``links``."""
    alt = f"Expected and called share of cancer of {len(table)} sections; the numbers are in the table"
    rows = [
        Row([_cell(name, record) for name in HEADS], link)
        for record, link in zip(table.to_dict("records"), links, strict=True)
    ]
    return Overview(_figures.cohort_figure(table, alt), list(HEADS.values()), rows)


def _cell(name: str, record: dict[str, object]) -> Cell:
    value = record[name]
    if not HEADS[name].numeric:
        return Cell(str(value), str(value))
    number = float(str(value))
    if not math.isfinite(number):
        return Cell("-", "", numeric=True)
    text = f"{number:.0%}" if name in PERCENT else f"{number:,.0f}" if name == "n_spots" else f"{number:.2f}"
    low, high = (float(str(record[end])) for end in ("share_low", "share_high"))
    if name == "expected_share" and math.isfinite(low):
        text += f" ({low:.0%} to {high:.0%})"
    return Cell(text, f"{number:.6g}", numeric=True)
