"""Score one section given as arrays, with the checks and warnings of :func:`spacrd.tl.score`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._checks import check_choice, check_positive_int, warn
from .._hardware import PRECISIONS
from ..features import SectionArrays
from ..model import Prediction, SpaCRD, adapt_to
from ._call import Call, call_section
from ._match import check_match
from ._mixture import check_method

SAME = 1e-6
"""Range of likelihoods that rounding errors explain."""
LESS_CERTAIN = "Its likelihoods are less certain than they say; check some spots by eye."
WITHHELD = (
    "Its spots are ranked, and every call is 'uncertain'. To get calls, annotate some spots and use "
    "`spacrd.tl.adapt` (recommended), or pass `expected_share=` or on_shift='warn'."
)


@dataclass(frozen=True)
class ScoreOptions:
    """Hold the checked options of :func:`spacrd.tl.score`."""

    threshold: str | float = "expected_f1"
    on_mismatch: str = "error"
    batch_size: int = 4096
    device: str | None = None
    precision: str = "32-true"
    expected_share: float | None = None
    on_shift: str = "uncall"

    @property
    def withhold(self) -> bool:
        """Tell whether calls of an unlike section are withheld: not if the user gave a threshold or a share."""
        return self.on_shift == "uncall" and isinstance(self.threshold, str) and self.expected_share is None

    def __post_init__(self) -> None:
        check_choice(self.on_mismatch, ("error", "warn"), "on_mismatch")
        check_choice(self.on_shift, ("uncall", "warn", "error"), "on_shift")
        check_positive_int(self.batch_size, "batch_size")
        check_choice(self.precision, PRECISIONS, "precision")
        check_method(self.threshold)


def score_section(
    section: SectionArrays, model: SpaCRD, options: ScoreOptions, target: np.ndarray | None = None
) -> tuple[Prediction, Call]:
    """Score the spots and call regions, with warnings if the likelihoods are less reliable.

    ``target`` are the labels of the spots to adapt to, NaN where there is none; None for no adaptation.
    """
    check_match(section, model, on_mismatch=options.on_mismatch, done="scored")
    prediction = model.predict(
        section,
        expected_share=options.expected_share,
        batch_size=options.batch_size,
        device=options.device,
        precision=options.precision,
    )
    if target is not None:
        prediction = adapt_to(prediction, target)
        if np.isfinite(target).any() and not prediction.n_labelled:
            warn(f"Section {section.name!r}: no labelled spot can be scored, so it is not adapted.")
    reasons = prediction.shift.reasons()
    if reasons and options.on_shift == "error":
        raise ValueError(f"{_unlike(section.name, reasons)}. To score it all the same, pass on_shift='warn'.")
    call = call_section(
        prediction.likelihood,
        prediction.level,
        prediction.verdict,
        options.threshold,
        withheld=bool(reasons) and options.withhold and not prediction.n_labelled,
    )
    scored = prediction.likelihood[np.isfinite(prediction.likelihood)]
    if len(scored) > 1 and np.ptp(scored) < SAME:
        warn(
            f"Section {section.name!r}: all spots have the same likelihood, as nothing that the model reads tells them "
            "apart. They are not ranked, and calls mean nothing. Do its genes have counts?"
        )
    if prediction.in_training:
        warn(
            f"Section {section.name!r} was fitted on, or shares spots with a training section, so its likelihoods do "
            "not show how well the model works. Score another section, or use `spacrd.tl.cross_validate`."
        )
    if reasons:
        warn(f"{_unlike(section.name, reasons)}. {WITHHELD if call.withheld else LESS_CERTAIN}")
    return prediction, call


def _unlike(name: str, reasons: Sequence[str]) -> str:
    return f"Section {name!r} is unlike the training sections: {'; '.join(reasons)}"
