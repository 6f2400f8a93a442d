"""The benchmark of the main job: cases run, and what a version cannot do is a dash with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import main_job, main_job_cases
from benchmarks.main_job_cases import Cases, Size, section

SMALL = Size(n_sections=2, spots=196, genes=90, one_in=3, dim=8, patches=4)


def test_sections_have_the_stated_density_and_labels_that_counts_tell() -> None:
    made = section(SMALL, 1)
    assert made.X.nnz == 196 * 30
    cancer = (made.obs["label"] == "cancer").to_numpy()
    markers = np.asarray(made.X[:, ::10].sum(axis=1)).ravel()
    assert markers[cancer].mean() > 1.5 * markers[~cancer].mean()


@pytest.mark.parametrize("case", ["score_from_zarr", "explain", "save", "evaluate"])
def test_a_case_of_a_call_runs(case: str, tmp_path: Path) -> None:
    row = main_job_cases.measure(case, SMALL, tmp_path)
    assert row.get("reason") is None
    assert row["cpu_s"] > 0
    assert row["peak_gib"] > 0.01


def test_every_case_has_a_call() -> None:
    calls = set(main_job_cases.CASES) - set(main_job_cases.PROGRAMS) - {"first_fit"}
    assert all(callable(getattr(Cases, case)) for case in calls)


def test_a_program_is_measured_alone(tmp_path: Path) -> None:
    row = main_job.run("import_spacrd", SMALL, main_job.ROOT, tmp_path)
    assert row["peak_gib"] < 0.2  # less than this process


def test_what_a_version_lacks_is_a_dash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("spacrd.tl.regions", None)
    row = main_job_cases.measure("regions", SMALL, tmp_path)
    assert "NoneType" in row["reason"]
    there = {"case": "regions", "n": 196, "cpu_s": 2.0, "peak_gib": 0.5}
    text = main_job.table(pd.DataFrame([{"version": "new", **row}, {"version": "old", **there}]))
    assert text.splitlines()[-1] == "| regions | 196 | - | - | 2 | 0.5 | - |"


def test_ratios_are_of_the_other_version_to_this_one() -> None:
    rows = [
        {"version": version, "case": "fit", "n": 9, "cpu_s": cpu, "peak_gib": 1.0}
        for version, cpu in (("a", 2.0), ("b", 5.0))
    ]
    assert main_job.table(pd.DataFrame(rows)).splitlines()[-1].endswith("| 2.5 |")


def test_sizes_that_are_given_replace_those_of_full() -> None:
    _, size = main_job.parse(["--full", "--genes", "50"])
    assert (size.spots, size.genes) == (4000, 50)
