"""Images of likelihoods, thresholds, explanations, training. Each returns Axes and shows nothing unless asked."""

from __future__ import annotations

from ._distribution import distribution
from ._embedding import embedding
from ._evaluation import evaluation
from ._explain import explain
from ._history import history
from ._likelihood import likelihood
from ._patches import patches

__all__ = ["distribution", "embedding", "evaluation", "explain", "history", "likelihood", "patches"]
