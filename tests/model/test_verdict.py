"""Why a verdict is what it is, and how often such verdicts were right."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spacrd.model import MEASURED, Presence, verdict_rates
from spacrd.model._verdict import N_TOYS, give_verdict

ROWS = Path(__file__).parents[2] / "benchmarks" / "results" / "calls.csv"
BOUNDS = Presence(tumour_above=3.0, no_tumour_below=1.5)


@pytest.mark.parametrize(
    ("statistic", "share", "changes", "verdict", "reason"),
    [
        (4.2, 0.3, {}, "tumour", "lie 4.2 above the median spot (log odds); sections without tumour at most 3.0"),
        (
            1.0,
            0.05,
            {},
            "no tumour",
            "are expected to have at least 1.5; and about 5% of the section looks like cancer",
        ),
        (2.0, 0.05, {}, "unclear", "expected to have at least 1.5; sections without tumour at most 3.0"),
        (1.0, 0.40, {}, "unclear", "1.5; but about 40% of the section looks like cancer (at most 15% for 'no tumour')"),
        (1.0, 0.05, {"has_tumour": True}, "unclear", "but you expect cancer"),
        (float("nan"), 0.05, {}, "unclear", "takes 20 spots"),
        (4.2, 0.3, {"shifted": True}, "unclear", "unlike the training sections"),
        (4.2, 0.3, {"presence": None}, "unclear", "no bounds"),
    ],
)
def test_the_reason_of_a_verdict(statistic, share, changes, verdict, reason) -> None:
    options = {"presence": BOUNDS, "shifted": False, "has_tumour": False, **changes}
    found, why = give_verdict(options.pop("presence"), statistic, share, **options)
    assert found == verdict
    assert reason in why


def test_the_rates_of_verdicts_are_those_of_the_benchmark() -> None:
    rows = pd.read_csv(ROWS)
    measured = {}
    for n in MEASURED:
        toys = rows[rows["task"] == f"toy, {n} training sections"]
        counts = pd.crosstab(toys["section"], toys["verdict"]).reindex(columns=["tumour", "no tumour"], fill_value=0)
        assert (toys["section"].value_counts() == N_TOYS).all()
        measured[n] = (*counts.loc["tumour"], *counts.loc["no tumour"])
    assert measured == MEASURED


def test_rates_are_of_no_more_sections_than_the_model_has() -> None:
    assert verdict_rates(1) == ""
    assert verdict_rates(4).startswith(
        "in simulations with 3 training sections, 16 of 20 sections with tumour got 'tumour'"
    )
    assert verdict_rates(40).startswith("in simulations with 5 training sections")
