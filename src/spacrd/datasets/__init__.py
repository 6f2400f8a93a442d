"""Sections to try things on: simulated ones and a reader of a public breast cancer study."""

from ._her2st import her2st
from ._toy import toy_visium

__all__ = ["her2st", "toy_visium"]
