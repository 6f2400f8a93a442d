from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spacrd import pl, tl
from tests.making.results import summary
from tests.making.scored import scored_adata


def drawn(ax: plt.Axes) -> dict[str, tuple[list[float], list[int]]]:
    """What each series of markers shows: shares and rows."""
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}


def test_every_section_shows_its_shares_and_verdict(tmp_path: Path) -> None:
    table = summary(36)
    ax = pl.cohort(table, save=tmp_path / "c.png")
    assert [text.get_text() for text in ax.get_yticklabels()] == table["section"].to_list()
    series = drawn(ax)
    assert series["called share"][0] == table["called_share"].to_list()
    verdicts = [zip(ys, xs, strict=True) for label, (xs, ys) in series.items() if label.startswith("verdict")]
    rows = {row: share for pairs in verdicts for row, share in pairs}
    assert [rows[i] for i in range(36)] == table["expected_share"].to_list()
    n_tumour = int((table["verdict"] == "tumour").sum())
    assert f"verdict: tumour ({n_tumour})" in series
    assert series["unlike the training sections"][1] == list(np.flatnonzero(table["shift"]))
    bars = np.concatenate([c.get_segments() for c in ax.collections[1:]])
    assert {(round(bar[0, 0], 6), round(bar[1, 0], 6)) for bar in bars} == {
        (round(low, 6), round(high, 6)) for low, high in zip(table["share_low"], table["share_high"], strict=True)
    }
    assert (tmp_path / "c.png").stat().st_size > 20_000


def test_sections_are_summarised_first() -> None:
    sections = [scored_adata(libraries=("a", "b")), scored_adata(libraries=("$c$",))]
    _, given = plt.subplots()
    assert pl.cohort(sections, ax=given) is given
    assert [text.get_text() for text in given.get_yticklabels()] == ["a", "b", r"\$c\$"]
    assert drawn(given)["called share"][0] == tl.summarise(sections)["called_share"].to_list()
    assert "verdict: not recorded (3)" in drawn(given)


def test_order_by_share_has_unknown_ones_last() -> None:
    table = summary(6)
    table.loc[0, "expected_share"] = np.nan
    ax = pl.cohort(table, order="expected_share")
    expected = table.sort_values("expected_share", ascending=False)["section"].to_list()
    assert [text.get_text() for text in ax.get_yticklabels()] == expected
    assert expected[-1] == table["section"][0]


def test_what_is_no_summary_is_refused() -> None:
    with pytest.raises(KeyError, match=r"lacks the columns 'shift'.*summarise"):
        pl.cohort(summary(2).drop(columns="shift"))
    with pytest.raises(ValueError, match="no rows"):
        pl.cohort(summary(2).head(0))
    with pytest.raises(ValueError, match="order='size' is not known"):
        pl.cohort(summary(2), order="size")


def test_a_long_name_leaves_room_for_the_plot() -> None:
    table = summary(3)
    table["section"] = ["a_section_with_one_very_long_name_" * 3 + end for end in "xyz"]
    ax = pl.cohort(table)
    ax.figure.canvas.draw()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert len(set(names)) == 3 and max(map(len, names)) <= 30
    assert ax.get_position().width > 0.5
