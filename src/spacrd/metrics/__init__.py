"""Metrics: agreement of likelihoods with labels."""

from __future__ import annotations

from ._evaluate import COLUMNS as COLUMNS
from ._evaluate import COUNTS as COUNTS
from ._evaluate import FACTS as FACTS
from ._evaluate import LEVEL as LEVEL
from ._evaluate import evaluate
from ._evaluate import section_facts as section_facts
from ._evaluate import summary_name as summary_name
from ._evaluate import warn_of_absent_ignored as warn_of_absent_ignored
from ._metrics import expected_calibration_error, scores
from ._severity import severity

__all__ = ["evaluate", "expected_calibration_error", "scores", "severity"]
