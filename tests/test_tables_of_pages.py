"""The tables of pages are those that the benchmarks print from their stored rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from benchmarks import adapt, calls, robustness_tables, shift

ROOT = Path(__file__).parents[1]


def stored(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "benchmarks" / "results" / f"{name}.csv")


def robustness() -> str:
    parts = (stored(f"robustness_{part}") for part in ("invariances", "effects", "threshold"))
    _, table = robustness_tables.tables(*parts).split("\n\nexpression\n\n")  # the first table is shortened on the page
    return table


@pytest.mark.parametrize(
    ("printed", "page"),
    [
        (lambda: adapt.markdown(stored("adapt")), "docs/howto/adapt.md"),
        (lambda: calls.markdown(stored("calls")), "benchmarks/README.md"),
        (lambda: shift.markdown(stored("shift")), "benchmarks/README.md"),
        (robustness, "docs/method/robustness.md"),
    ],
    ids=["adapt", "calls", "shift", "robustness"],
)
def test_a_page_has_every_row_of_its_table(printed, page) -> None:
    rows = [line for line in printed().splitlines() if line.startswith("| ") and "---" not in line]
    lines = (ROOT / page).read_text().splitlines()
    assert len(rows) > 4
    assert [row for row in rows if row not in lines] == []
