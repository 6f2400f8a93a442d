"""The table of rivals: runs are kept, what cannot run says why, equal inputs are checked, columns are right."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import rivals_pages, rivals_rows, rivals_table, rivals_tasks
from benchmarks.rivals_rows import file_of, metrics, plain, read_score, run, units
from benchmarks.rivals_sections import BenchSection
from benchmarks.rivals_table import (
    check_equal_inputs,
    complete,
    finished,
    margins,
    not_run,
    report,
    rows_of,
    with_stored,
)
from benchmarks.rivals_tasks import Group, leave_one_out

import spacrd
from spacrd.rivals import RivalCard, RivalScore
from tests.rivals.toys import toy

NAMES = ("toy_1", "toy_2", "toy_3")


class Broken:
    """A rival that raises."""

    def fit(self, sections, *, seed=0):
        raise RuntimeError("no luck")


def toys(image: bool, folder: Path) -> dict[str, BenchSection]:
    sections = [toy(seed, image=image) for seed in (1, 2, 3)]
    return {section.name: BenchSection(section, np.arange(144) < 5) for section in sections}


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> str:
    """A task of three toy sections without a picture."""
    toy_group = Group(partial(toys, False), partial(leave_one_out, "t: toys", NAMES))
    for module in (rivals_tasks, rivals_rows, rivals_table):
        monkeypatch.setattr(module, "GROUPS", {"t": toy_group})
    rivals_tasks.sections_of.cache_clear()
    monkeypatch.setitem(
        spacrd.rivals._registry._registered,
        "broken",
        spacrd.rivals._registry.Entry(Broken, RivalCard("broken", depth_trap="none")),
    )
    return "t"


def test_a_table_is_made_of_runs_and_reasons(group: str, tmp_path: Path) -> None:
    names = ["depth", "logistic own genes", "logistic image", "broken", "scmalignantfinder"]
    todo = units([group], names, [0, 1])
    assert len(todo) == 3 * len(names)  # none of them is seeded
    for name, where, fold, seed in todo:
        run(name, where, fold, seed, tmp_path)
        assert file_of(tmp_path, where, name, fold.name, seed).exists()
    runs = finished(tmp_path)
    check_equal_inputs(runs)
    frame = rows_of(runs, tmp_path)
    status = frame.groupby("rival")["status"].first()
    assert status.to_dict() == {
        "depth": "ok",
        "logistic own genes": "ok",
        "logistic image": "absent",
        "broken": "failed",
        "scmalignantfinder": "absent",
    }
    auc = frame.pivot_table(index="rival", columns="section", values="auc")
    assert (auc.loc["logistic own genes"] > 0.95).all() and (auc.loc["depth"].between(0.2, 0.8)).all()
    text = report(frame)
    assert "`broken` failed: RuntimeError: no luck" in text
    assert "`logistic image` absent: No training section has image." in text
    assert "- `signature` not run on all sections, cost unknown" in text
    assert text.index("| logistic own genes |") < text.index("| depth |")
    found = margins(frame.assign(rival=frame["rival"].replace("logistic own genes", "spacrd")))
    assert found.loc["t: toys", "best simple rival"] == "depth" and found.loc["t: toys", "from"] > 0


def test_runs_of_other_inputs_are_not_compared(group: str, tmp_path: Path) -> None:
    (_, where, fold, seed), *_ = units([group], ["depth"], [0])
    run("depth", where, fold, seed, tmp_path)
    rivals_tasks.GROUPS["t"] = Group(partial(toys, True), rivals_tasks.GROUPS["t"].folds)
    rivals_tasks.sections_of.cache_clear()
    run("logistic own genes", where, fold, seed, tmp_path)
    with pytest.raises(SystemExit, match="other inputs in 't', fold 'toy_1'"):
        check_equal_inputs(finished(tmp_path))


def test_a_stored_score_is_read_as_it_was() -> None:
    found = RivalScore([0.25, np.nan, 1.0], 0.5, True, "C=1", np.array([True, False, False]))
    read = read_score(plain(found))
    np.testing.assert_array_equal(read.score, found.score)
    np.testing.assert_array_equal(read.uncertain, found.uncertain)
    assert (read.threshold, read.probability, read.note) == (0.5, True, "C=1")
    assert read_score(plain(RivalScore([0.1]))).threshold is None


def test_columns_say_what_they_are_called() -> None:
    section = BenchSection(toy(1), np.zeros(144, dtype=bool))
    target = section.arrays.target
    perfect = metrics(section, RivalScore(np.where(target == 1, 0.9, 0.1), 0.5, True))
    share = target.mean()
    assert perfect["auc"] == perfect["ap"] == perfect["ks"] == perfect["f1"] == perfect["f1_true_share"] == 1
    assert perfect["called"] == perfect["called_mixture"] == pytest.approx(share)
    assert perfect["brier"] == pytest.approx(0.01) and perfect["ece"] == pytest.approx(0.1)
    depth = np.asarray(section.arrays.counts.sum(axis=1)).ravel()
    assert metrics(section, RivalScore(depth))["rho_depth"] == pytest.approx(1)
    assert {"f1", "brier"}.isdisjoint(metrics(section, RivalScore(depth)))


def test_undetermined_spots_count_as_normal_and_are_left_out_beside() -> None:
    arrays = toy(1)
    undetermined = (arrays.target == 0) & (np.arange(144) < 40)
    score = np.where((arrays.target == 1) | undetermined, 1.0, 0.0)
    found = metrics(BenchSection(arrays, undetermined), RivalScore(score))
    assert found["auc_decided"] == 1 > found["auc"]


def test_a_section_without_tumour_has_shares_and_no_auc() -> None:
    arrays = toy(1, tumour=False)
    found = metrics(BenchSection(arrays, np.zeros(144, dtype=bool)), RivalScore(np.full(144, 0.2), 0.5, True))
    assert "auc" not in found and found["called"] == 0 and np.isnan(found["f1"])


def test_a_rival_that_ran_on_some_sections_alone_is_left_out_of_the_table() -> None:
    rows = [("t", "depth", "a"), ("t", "depth", "b"), ("t", "stage", "a"), ("u", "stage", "a")]
    kept = complete(pd.DataFrame(rows, columns=["task", "rival", "section"]))
    assert [tuple(row) for row in kept.to_numpy()] == [rows[0], rows[1], rows[3]]


def test_a_rival_over_its_limit_is_absent_from_all_folds(group: str, tmp_path: Path) -> None:
    (_, where, fold, seed), *_ = units([group], ["logistic-tuned"], [0])
    run("logistic-tuned", where, fold, seed, tmp_path, limit=0.05)
    runs = finished(tmp_path)
    assert [found["fold"] for found in runs] == list(NAMES)
    assert {found["reason"] for found in runs} == {"not run: stopped after 0.000833 CPU minutes of one fold"}


def test_stored_rows_stay_beside_new_ones(group: str, tmp_path: Path) -> None:
    keys = [("t: toys", rival, 0, section) for rival in ("depth", "top-markers") for section in NAMES]
    frame = pd.DataFrame(keys, columns=rivals_table.KEY).assign(status="ok", auc=0.75, spots=100)
    csv = tmp_path / "rivals.csv"
    frame.assign(auc=0.25).to_csv(csv, index=False)
    new = with_stored(frame[frame["rival"] == "top-markers"].reset_index(drop=True), csv)
    assert new["rival"].tolist() == ["depth"] * 3 + ["top-markers"] * 3
    assert new["auc"].tolist() == [0.25] * 3 + [0.75] * 3


def test_the_cost_of_a_rival_that_was_not_run_is_that_on_other_tasks() -> None:
    rows = [("u", "depth", 0.001), ("t", "depth", 0.001), ("t", "stage", 60.0)]
    frame = pd.DataFrame(rows, columns=["task", "rival", "cpu_s_per_1000_spots"])
    frame = frame.assign(status="ok", section="s", spots=2000.0)
    assert not_run(frame, "stage", "u") == "not run: about 2 CPU minutes, from its cost on other tasks"
    assert not_run(frame, "istar", "u") == "not run on all sections, cost unknown"


def test_pages_hold_the_tables_of_the_stored_rows() -> None:
    frame = complete(pd.read_csv(rivals_table.CSV))
    for name in rivals_pages.PAGES:
        text = (rivals_pages.ROOT / name).read_text()
        assert "<!-- rivals: " in text
        assert rivals_pages.with_tables(text, frame) == text, f"{name}: run python -m benchmarks.rivals --table"


def test_margins_need_a_rival_and_something_simple() -> None:
    frame = pd.DataFrame({"task": "t", "rival": ["depth"], "section": ["s"], "status": "ok", "auc": 0.7})
    assert margins(frame).empty


def test_numbers_of_tables_are_written_as_in_the_text() -> None:
    found = [rivals_table.three_digits(0.9091), *(rivals_table.three_digits(x, "+") for x in (0.042, -0.001, 0))]
    assert found == [".909", "+.042", "-.001", "+.000"]
    assert [rivals_table.three_digits(x) for x in (1, 0.9999, 10.01)] == ["1.000", "1.000", "10.010"]
    assert "| 0." not in (rivals_pages.ROOT / "README.md").read_text()
