"""Score one section given as arrays, with the checks and warnings of :func:`spacrd.tl.score`."""

from __future__ import annotations

from dataclasses import dataclass

from .._checks import check_choice, check_positive_int, warn
from .._hardware import PRECISIONS
from ..features import SectionArrays
from ..model import Prediction, SpaCRD
from ._call import Call, call_section
from ._match import check_match
from ._mixture import check_method


@dataclass(frozen=True)
class ScoreOptions:
    """Hold the checked options of :func:`spacrd.tl.score`; make them with :meth:`resolve`."""

    threshold: str | float = "expected_f1"
    on_mismatch: str = "error"
    batch_size: int = 4096
    device: str | None = None
    precision: str = "32-true"
    expected_share: float | None = None

    @classmethod
    def resolve(
        cls,
        threshold: str | float,
        on_mismatch: str,
        batch_size: int,
        device: str | None,
        precision: str,
        expected_share: float | None,
    ) -> ScoreOptions:
        """Check the arguments of a call."""
        check_choice(on_mismatch, ("error", "warn"), "on_mismatch")
        check_positive_int(batch_size, "batch_size")
        check_choice(precision, PRECISIONS, "precision")
        check_method(threshold)
        return cls(threshold, on_mismatch, batch_size, device, precision, expected_share)


def score_section(section: SectionArrays, model: SpaCRD, options: ScoreOptions) -> tuple[Prediction, Call]:
    """Score the spots and call regions, with warnings if the likelihoods are less reliable."""
    check_match(section, model, on_mismatch=options.on_mismatch, done="scored")
    prediction = model.predict(
        section,
        expected_share=options.expected_share,
        batch_size=options.batch_size,
        device=options.device,
        precision=options.precision,
    )
    call = call_section(prediction.likelihood, prediction.level, prediction.verdict, options.threshold)
    if prediction.in_training:
        warn(
            f"Section {section.name!r} is one that the model was fitted on, or shares spots with one: its likelihoods "
            "say nothing of how good the model is. Score another one, or hold out each in turn with "
            "`spacrd.tl.cross_validate`."
        )
    if complaints := prediction.shift.complaints():
        warn(
            f"Section {section.name!r} lies outside what the model was fitted on: {'; '.join(complaints)}. Its "
            "likelihoods are less certain than they say; check some spots by eye."
        )
    return prediction, call
