"""Pictures of likelihoods, thresholds and training. Every function returns Axes and shows nothing unless asked."""

from __future__ import annotations

from ._distribution import distribution
from ._history import history
from ._likelihood import likelihood

__all__ = ["distribution", "history", "likelihood"]
