"""Sections to try things on: simulated ones and readers of public studies."""

from ._her2st import her2st
from ._hest import hest
from ._toy import toy_visium
from ._toy_xenium import toy_xenium

__all__ = ["her2st", "hest", "toy_visium", "toy_xenium"]
