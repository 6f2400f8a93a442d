"""What earlier calls recorded about the embeddings of a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._keys import Keys
from ._tables import Section, result_record

FACTS = ("encoder", "revision", "weights_sha256", "patch_um")
"""What two embeddings must share to be comparable."""


def recorded_embeddings(library: Section) -> list[str]:
    """Slots of ``obsm`` that ``extract_patches`` filled for this section."""
    records = {key: result_record(library.table, key) for key in library.table.obsm}
    return [key for key, record in records.items() if Keys.section(library.name) in record.get("sections", {})]


def embedding_record(library: Section, key: str) -> dict[str, Any]:
    """Encoder, revision, weights and patch size of an embedding, as far as they were recorded."""
    record = result_record(library.table, key)
    merged = {**record, **record.get("sections", {}).get(Keys.section(library.name), {})}
    return {name: float(merged[name]) if name == "patch_um" else str(merged[name]) for name in FACTS if name in merged}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Facts in which two records of embeddings contradict each other; what is unknown fits everything.

    Repositories get commits that leave the weights alone: where their hash is the same, the revision says nothing.
    """
    found = [name for name in one if name in other and not _same(one[name], other[name])]
    if one.get("weights_sha256") and one.get("weights_sha256") == other.get("weights_sha256"):
        found = [name for name in found if name != "revision"]
    return found


def _same(one: Any, other: Any) -> bool:
    """Equal text, or numbers equal within 10 %.

    Stored spot diameters of real Visium sections differ by some percent, which changes no patch to speak of.
    """
    if one is None or other is None:
        return True
    if isinstance(one, str) or isinstance(other, str):
        return not one or not other or one == other
    if not np.isfinite(one) or not np.isfinite(other):
        return True
    return bool(abs(one - other) <= 0.1 * max(abs(one), abs(other)))
