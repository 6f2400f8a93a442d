"""Markdown of the rows that ``benchmarks.robustness`` writes."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

DISTANCES = ("expression_distance", "image_distance", "depth_ratio", "decision_coverage")


def tables(invariances: pd.DataFrame, effects: pd.DataFrame, threshold: pd.DataFrame) -> str:
    """All tables of docs/method/robustness.md."""
    parts = [_invariances(invariances)]
    parts += [f"{protocol}\n\n{_effects(part)}" for protocol, part in effects.groupby("protocol", sort=False)]
    return "\n\n".join([*parts, _threshold(threshold)])


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    columns = list(columns)
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows])


def _invariances(frame: pd.DataFrame) -> str:
    """Largest change of any likelihood, least share of spots within .01 in any section, and the AUC."""
    protocols = list(frame["protocol"].unique())
    rows = []
    for change, part in frame.groupby("change", sort=False):
        row = [str(change)]
        for protocol in protocols:
            own = part[part["protocol"] == protocol]
            row += [
                f"{own['largest'].max():.2g} ({own['near'].min():.1%})",
                f"{own['auc_before'].mean():.3f} to {own['auc'].mean():.3f}",
            ]
        rows.append(row)
    columns = (f"{name}{what}" for name in protocols for what in (": largest (within .01)", ": AUC"))
    return markdown(["change", *columns], rows)


def _effects(frame: pd.DataFrame) -> str:
    """Means over sections and seeds; AUC against that of the same spots before."""
    rows = []
    for (change, strength), part in frame.groupby(["change", "strength"], sort=False):
        gained = (part["auc"] - part["auc_before"]).groupby(part["section"]).mean()
        verdicts = (part["verdict"] != part["verdict_before"]).mean()
        rows.append(
            [
                f"{change} {strength:g}" if strength else str(change),
                f"{part['auc'].mean():.3f}",
                f"{gained.mean():+.3f} ({gained.min():+.3f})",
                f"{part['mean'].mean():.3f}",
                f"{part['called_otherwise'].mean():.2f}",
                f"{verdicts:.2f}",
                f"{part['level'].mean():.2f}",
                *(_median(part[name]) for name in DISTANCES),
                f"{part['shift'].mean():.2f}",
            ]
        )
    columns = (
        "change", "AUC", "against before (worst section)", "mean change of likelihood", "called otherwise",
        "verdict changed", "level", "distance, expression", "distance, image", "depth ratio", "decision coverage",
        "shift",
    )  # fmt: skip
    return markdown(columns, rows)


def _median(values: pd.Series) -> str:
    return f"{values.median():.2f}" if values.notna().any() else "-"


def _threshold(frame: pd.DataFrame) -> str:
    """Spread of the threshold over resamples."""
    rows = []
    for (protocol, section), part in frame.groupby(["protocol", "section"], sort=False):
        low, high = part["threshold"].quantile([0.025, 0.975])
        rows.append(
            [
                f"{protocol}, {section}",
                str(part["n"].iloc[0]),
                f"{part['threshold_of_all'].iloc[0]:.2f}",
                f"{part['threshold'].std():.3f}",
                f"{low:.2f} to {high:.2f}",
                f"{part['called_otherwise'].mean():.3f}",
                f"{part['called_otherwise'].max():.3f}",
            ]
        )
    columns = ("section", "spots", "threshold", "sd", "95 % of resamples", "called otherwise", "at most")
    return markdown(columns, rows)
