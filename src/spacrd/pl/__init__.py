"""Plots of likelihoods, thresholds, explanations, training. Each returns Axes and shows nothing unless asked."""

from __future__ import annotations

from ._cohort import cohort
from ._cohort import cohort_height as cohort_height
from ._cohort import draw_cohort as draw_cohort
from ._distribution import caveat_of as caveat_of
from ._distribution import distribution
from ._distribution import draw_histogram as draw_histogram
from ._embedding import embedding
from ._evaluation import evaluation
from ._explain import explain
from ._history import history
from ._likelihood import likelihood
from ._map import Style as Style
from ._map import draw_outline as draw_outline
from ._map import draw_section as draw_section
from ._map import draw_tissue as draw_tissue
from ._patches import patches
from ._view import SectionView as SectionView
from ._view import spacing_of as spacing_of
from ._view import view_section as view_section
from ._view import whole_image as whole_image

__all__ = ["cohort", "distribution", "embedding", "evaluation", "explain", "history", "likelihood", "patches"]
