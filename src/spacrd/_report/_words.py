"""Sentences that say what the numbers of a scored section mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._keys import NO_TUMOUR, TUMOUR, UNCLEAR
from ..model import LABELLED
from ..pl import caveat_of

VERDICTS = {
    TUMOUR: "Enough spots look like the cancer of the training sections to call this a section with tumour.",
    NO_TUMOUR: "Nothing like the cancer of the training sections was found. That is no proof that there is none.",
    UNCLEAR: "The model cannot tell whether this section holds a tumour. The called regions assume that it does: look "
    "at the spots of highest likelihood by eye.",
}
NO_VERDICT = "No verdict was recorded when this section was scored."
MIN_CALIBRATED = 2
"""Training sections below which a model is not calibrated."""


@dataclass(frozen=True)
class Check:
    """One comparison of a section with what the model was fitted on."""

    what: str
    value: str
    meaning: str
    unusual: bool = False


def number(report: Mapping[str, Any], name: str) -> float:
    """Return a recorded number, NaN if it was not recorded."""
    try:
        return float(report.get(name, math.nan))
    except (TypeError, ValueError):
        return math.nan


def percent(share: float) -> str:
    """Write a share as a percentage that is 0 or 100 only if it is exactly that."""
    if not math.isfinite(share):
        return "not known"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.0f} %" if share in (0, 1) else f"{100 * share:.1f} %"


def meaning(verdict: str, report: Mapping[str, Any]) -> str:
    """Say what a verdict means."""
    if report.get("verdict_reason") == LABELLED:
        return "Spots of this section are annotated as cancer."
    if verdict == UNCLEAR and number(report, "n_labelled") >= 1:
        return (
            "No spot of this section is annotated as cancer, and the model cannot tell whether others are: look at the "
            "spots of highest likelihood by eye."
        )
    return VERDICTS.get(verdict, NO_VERDICT)


def evidence(report: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Say what the verdict rests on: its reason, the training sections, and how often such verdicts were right."""
    reason, rates = str(report.get("verdict_reason", "")), str(record.get("verdict_rates", ""))
    if reason == LABELLED:  # a verdict that labels gave says nothing of others
        rates = ""
    sentences = [f"Reason: {reason}."] if reason else []
    n = number(record, "n_training")
    if n >= 1:
        platforms = str(record.get("training_platforms", ""))
        known = f" ({platforms})" if platforms and platforms != f"{n:.0f} unknown" else ""
        sentences.append(f"The model was fitted on {n:.0f} section{'s' if n > 1 else ''}{known}.")
    if (n_labelled := number(report, "n_labelled")) >= 1:
        sentences.append(f"Scores and calls were adapted to {n_labelled:.0f} annotated spots of this section.")
    return sentences + ([f"How often verdicts are right: {rates}."] if rates else [])


def expected_sentence(report: Mapping[str, Any]) -> str:
    """Say how much of a section the model expects to be cancer; empty if that was not recorded."""
    share, low, high = (number(report, name) for name in ("expected_share", "share_low", "share_high"))
    if not math.isfinite(share):
        return ""
    model = "The adapted model" if number(report, "n_labelled") >= 1 else "The model"
    interval = f" (interval of 80 %: {low:.0%} to {high:.0%})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{model} expects {percent(share)} of the section to be cancer, the mean of its likelihoods{interval}."


def checks(report: Mapping[str, Any]) -> list[Check]:
    """Compare a section with the training sections; what was not recorded is left out."""
    from ..features import LOW_COVERAGE
    from ..model import MAX_UNKNOWN

    comparisons = []
    coverage = number(report, "gene_coverage")
    if math.isfinite(coverage):
        low = coverage < LOW_COVERAGE
        comparisons.append(
            Check(
                "Genes of the model found here",
                percent(coverage),
                "Many genes that the model reads are missing, so likelihoods are less certain than they say."
                if low
                else "The genes the model reads are there, all or most.",
                low,
            )
        )
    for name, what, subject in (
        ("expression", "Distance in expression", "Its expression"),
        ("image", "Distance in the image", "The look of its patches"),
    ):
        distance, limit = number(report, f"{name}_distance"), number(report, f"{name}_limit")
        if math.isfinite(distance):
            far = distance > limit
            meaning = (
                f"{subject} is unlike that of the training sections (up to {limit:.2f} is usual): another organ, "
                "platform, stain or protocol?"
                if far
                else f"{subject} is like that of the training sections (up to {limit:.2f} is usual)."
            )
            comparisons.append(Check(what, f"{distance:.2f}", meaning, far))
    unknown = number(report, "unknown_counts")
    if math.isfinite(unknown):
        far = unknown > MAX_UNKNOWN
        meaning = (
            f"No training section has these genes ({report.get('unknown_genes', '')}): another organ, organism or "
            "annotation, or genes were filtered for training."
            if far
            else "All or nearly all counts are in genes that a training section has."
        )
        comparisons.append(Check("Counts in unknown genes", percent(unknown), meaning, far))
    depth, median = number(report, "depth_ratio"), number(report, "median_counts")
    if math.isfinite(depth) and math.isfinite(median):
        meaning = (
            "Within the range of the training sections"
            if depth <= 1
            else "Just outside the range of the training sections"
            if depth < 1.05
            else f"A factor of {depth:.1f} outside the range of the training sections"
        )
        meaning += ", which alone says little; within a section, spots with many counts can look like cancer."
        comparisons.append(Check("Counts per spot (median)", f"{median:,.0f}", meaning))
    return comparisons


def threshold_sentence(threshold: float, method: str) -> str:
    """Say how the threshold came to be."""
    if not math.isfinite(threshold):
        return "No threshold was recorded."
    kind, caveat = method.partition("(")[0], caveat_of(method)
    ways = {
        "expected_f1": "F1 is highest there on average over the possible shares of cancer",
        "gmm": "two Gaussians fitted to the likelihoods of this section, without labels, cross there",
        "otsu": "the two sides differ most there",
        "1 ": "no spot reaches it",
    }
    way = next((text for name, text in ways.items() if kind.startswith(name)), "")
    if not way:
        way = "given by the user" if kind == "given" else "the middle, as no better cut was found"
    note = f" ({caveat})" if caveat else ""
    return f"A spot is called cancer from a likelihood of {threshold:.2f}: {way}{note}."


def warnings_of(
    report: Mapping[str, Any], comparisons: Sequence[Check], *, n_spots: int, n_scored: int, calibrated_on: int | None
) -> list[str]:
    """List why the map must be treated with caution."""
    warnings = []
    if not n_scored:
        return ["No spot of this section has a likelihood: it was not scored, or held neither genes nor image."]
    if report.get("in_training"):
        warnings.append(
            "The model was fitted on this very section, or on spots of it: its likelihoods do not show how good the "
            "model is."
        )
    if calibrated_on is not None and calibrated_on < MIN_CALIBRATED:
        warnings.append(
            "The model itself is not calibrated: the annotated spots of this section alone say how much of it is "
            "cancer."
            if number(report, "n_labelled") >= 1
            else "The model is not calibrated: likelihoods rank the spots, but 0.7 does not mean 70 in 100, and there "
            "is no uncertainty."
        )
    if report.get("calls_withheld"):
        warnings.append(
            "The section is unlike the training sections, so no spot is called: all are uncertain. Their order may "
            "still be of use."
        )
    warnings += [f"{check.what}: {check.value}. {check.meaning}" for check in comparisons if check.unusual]
    if n_scored < n_spots:
        warnings.append(
            f"{n_spots - n_scored:,} of {n_spots:,} spots have no likelihood: they lacked what the model reads."
        )
    return warnings
