"""The numbers on the pages about likelihoods are those of the README's example, and of the benchmark on real sections.

The example takes sections of full size, with images, and so some seconds: all tests share it.
"""

from __future__ import annotations

import re
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import spacrd

ROOT = Path(__file__).parents[1]
SCORES, NO_TUMOUR = ((ROOT / "docs" / page).read_text() for page in ("concepts/scores.md", "howto/no_tumour.md"))
ROWS = pd.read_csv(ROOT / "benchmarks" / "results" / "calls.csv")
HER2ST = ROWS[ROWS["task"] == "her2st, one section out"].set_index("section")
ALONE = HER2ST[~HER2ST.index.str.contains("given|normal")]


def numbers(page: str, pattern: str) -> list[float]:
    """The numbers in a sentence of a page, whose blanks may be ends of lines."""
    match = re.search(pattern.replace(" ", r"\s+"), page)
    assert match, f"no sentence {pattern!r}"
    return [float(text) for text in match.groups()]


def first_code(page: str) -> str:
    match = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert match
    return match[1]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the code of the README leaves."""
    names: dict[str, Any] = {}
    with chdir(tmp_path_factory.mktemp("readme")), redirect_stdout(StringIO()):
        exec(first_code((ROOT / "README.md").read_text()), names)
    return names


@pytest.fixture(scope="module")
def report(example: dict[str, Any]) -> dict[str, Any]:
    return example["new"]["table"].uns["spacrd"]["spacrd"]["sections"]["toy_2"]


def near_seven_tenths(section: Any) -> float:
    """Share of cancer among the spots with a likelihood of .6 to .8."""
    obs = section["table"].obs
    near = obs["spacrd_likelihood"].between(0.6, 0.8, inclusive="left") & obs["pathologist"].notna()
    return float(obs.loc[near, "pathologist"].isin(["invasive cancer", "cancer in situ"]).mean())


def test_the_expected_share_of_the_example(example, report) -> None:
    labels = example["new"]["table"].obs["pathologist"].dropna()
    true = labels.isin(["invasive cancer", "cancer in situ"]).mean()
    found = numbers(SCORES, r"expected share is (\.\d+) \(interval (\.\d+) to (\.\d+)\) and (\.\d+) is true")
    assert found == [round(x, 2) for x in (*(report[k] for k in ("expected_share", "share_low", "share_high")), true)]


def test_the_threshold_of_the_example(report) -> None:
    assert numbers(SCORES, r"A threshold of (0\.\d+) gives") == [round(report["threshold"], 2)]
    assert report["threshold_method"].startswith("expected_f1")
    assert (ALONE["threshold"] < 0.5).all()  # "mostly lies below 0.5"


def test_what_a_likelihood_of_seven_tenths_was_worth(example) -> None:
    found = near_seven_tenths(example["new"])
    at = ALONE["cancer_at_0.7"]
    assert numbers(SCORES, r"(\d+) to (\d+) % of the spots with 0\.6 to 0\.8 were cancer") == [
        round(100 * x) for x in (at.min(), at.max())
    ]
    assert numbers(SCORES, r"(\d+) % of them in the example") == [round(100 * found)]
    example = spacrd.tl.score(example["new"], example["model"], expected_share=0.3, copy=True)
    at = HER2ST.loc[HER2ST.index.str.contains("given"), "cancer_at_0.7"]
    assert numbers(SCORES, r"it was (\d+) to (\d+) %, and (\d+) % in the example") == [
        round(100 * x) for x in (at.min(), at.max(), near_seven_tenths(example))
    ]


def test_the_order_on_real_sections() -> None:
    assert len(ALONE) == 5
    found = numbers(SCORES, r"AUC (\.\d+) on average .*?, (\.\d+) on the worst")
    assert found == [round(x, 2) for x in (ALONE["auc"].mean(), ALONE["auc"].min())]


def test_at_most_a_fifth_is_uncertain(example) -> None:
    (share,) = numbers(SCORES, r"at most (\d+) % of a section")
    called = example["new"]["table"].obs["spacrd_region"]
    assert (called == "uncertain").mean() <= share / 100
    assert (ALONE["uncertain"] <= share / 100).all()


def test_the_output_for_a_section_without_tumour(example) -> None:
    printed = StringIO()
    with redirect_stdout(printed):
        exec(first_code(NO_TUMOUR), {"spacrd": spacrd, "model": example["model"]})
    (shown,) = re.findall(r"```text\n(.*?)```", NO_TUMOUR, flags=re.DOTALL)
    assert printed.getvalue() == shown


def test_the_rates_for_sections_without_tumour() -> None:
    toys = ROWS[ROWS["task"].isin(["toy, 2 training sections", "toy, 5 training sections"])]
    toys = toys[toys["section"] == "no tumour"]
    counts = [int((part["verdict"] == "no tumour").sum()) for _, part in toys.groupby("task")]
    words = {"three": 3, "sixteen": 16}
    match = re.search(r"two\s+sections,\s+(\w+) got `no tumour` .*?; by models of five, (\w+) did", NO_TUMOUR)
    assert match and [words[word] for word in match.groups()] == counts
    assert not (toys["verdict"] == "tumour").any()
    normal = HER2ST[HER2ST.index.str.contains("normal")]
    assert (normal["verdict"] == "unclear").all()
    assert numbers(NO_TUMOUR, r"(\d+) to (\d+) % of the spots lay above") == [
        round(100 * x) for x in (normal["called"].min(), normal["called"].max())
    ]


@pytest.mark.real_data
def test_the_rows_of_the_benchmark_are_those_of_today(real_data: Path) -> None:
    from benchmarks.calls import SECTIONS, fit, measure, table

    with pytest.warns(spacrd.SpacrdWarning, match="'undetermined' .* which count as not cancer"):
        model = fit([table(name) for name in SECTIONS if name != "C1"])
    found = measure(table("C1"), model)
    for name in ("auc", "f1", "called", "uncertain", "threshold", "share_low", "share_high", "cancer_at_0.7"):
        assert found[name] == pytest.approx(HER2ST.loc["C1", name], abs=2e-3), name
    assert found["verdict"] == HER2ST.loc["C1", "verdict"]
    assert np.isfinite(found["brier"])
