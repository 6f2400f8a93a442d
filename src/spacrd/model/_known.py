"""Whether a model was fitted on the section it is asked to score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._profile import SectionProfile

FACT = "fingerprints"
"""Entry of the training facts that lists the fingerprints of the training sections, apart by spaces."""
LEAST = 10
"""Spots of a section that has a fingerprint: fewer are too often alike."""


def section_hash(background: SectionProfile) -> str:
    """Name of what a section holds, 16 hex digits; empty if it is too small to tell.

    A hash of the counts of its spots in order of size, or without counts of its mean embedding. Order and names of
    the spots do not matter, and nothing of the section can be read from it.
    """
    if len(background.depths) >= LEAST:
        held = np.sort(np.rint(background.depths).astype(np.int64))
    elif background.n_seen >= LEAST and background.image_mean is not None:
        # Rounded: how blocks are summed must not matter.
        held = np.concatenate([[background.n_seen], background.image_mean]).astype(np.float32)
    else:
        return ""
    return hashlib.sha256(held.tobytes()).hexdigest()[:16]


def is_known(background: SectionProfile, facts: Mapping[str, Any]) -> bool:
    """Whether the training facts of a model list a section; False for models that list none."""
    return section_hash(background) in str(facts.get(FACT, "")).split()
