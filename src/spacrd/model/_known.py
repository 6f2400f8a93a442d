"""Recognise sections that a model was fitted on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._profile import SectionProfile

PLATFORMS = "platforms"
"""Entry of the training facts that says what measured the training sections, and how many each."""
NEGATIVE = "negative_classes"
"""Entry of the training facts that lists the classes that are not cancer, quoted and separated by commas."""
SECTION_HASHES = "section_hashes"
"""Entry of the training facts that lists the hashes of the training sections, separated by spaces."""
MIN_SPOTS = 10
"""Fewest spots of a section with a hash: smaller sections are too often alike."""


def section_hash(profile: SectionProfile) -> str:
    """Hash the contents of a section, 16 hex digits; empty if it is too small to tell.

    The hash is that of the counts of its spots in order of size or, without counts, of its mean embedding. Order and
    names of the spots do not matter, and nothing of the section can be read from the hash.
    """
    if len(profile.depths) >= MIN_SPOTS:
        contents = np.sort(np.rint(profile.depths).astype(np.int64))
    elif profile.n_image_spots >= MIN_SPOTS and profile.image_mean is not None:
        # Rounded, as the sum depends a little on the blocks.
        contents = np.concatenate([[profile.n_image_spots], profile.image_mean]).astype(np.float32)
    else:
        return ""
    return hashlib.sha256(contents.tobytes()).hexdigest()[:16]


def is_known(profile: SectionProfile, facts: Mapping[str, Any]) -> bool:
    """Tell whether the training facts of a model list a section; False for models that list none."""
    return section_hash(profile) in str(facts.get(SECTION_HASHES, "")).split()


def negative_classes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes that were not cancer in training; none for models that list none."""
    try:
        return tuple(map(str, json.loads(f"[{facts.get(NEGATIVE, '')}]")))
    except (RecursionError, ValueError):
        return ()
