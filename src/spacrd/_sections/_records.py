"""What earlier calls recorded in ``uns["spacrd"]``: of results, and of the embeddings of a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import Keys
from ._section import Section

if TYPE_CHECKING:
    from anndata import AnnData

FACTS = ("encoder", "revision", "weights_sha256", "patch_um")
"""What two embeddings must share to be comparable."""


def all_records(table: AnnData) -> Mapping[str, Any]:
    """Return all that spacrd recorded in ``.uns``."""
    records = table.uns.get(Keys.UNS, {})
    if not isinstance(records, Mapping):
        raise TypeError(
            f"uns['spacrd'] holds a {type(records).__name__}; spacrd keeps a dictionary there. Rename yours."
        )
    return records


def result_record(table: AnnData, key: str) -> Mapping[str, Any]:
    """Return what an earlier call recorded under ``uns["spacrd"][key]``, with its sections; empty if nothing."""
    record = all_records(table).get(key, {})
    if isinstance(record, Mapping):
        sections = record.get("sections", {})
        if isinstance(sections, Mapping) and all(isinstance(section, Mapping) for section in sections.values()):
            return record
    raise TypeError(f"uns['spacrd'][{key!r}] is not what spacrd writes there. Delete it and repeat the step.")


def recorded_embeddings(section: Section) -> list[str]:
    """List the slots of ``obsm`` that ``extract_patches`` filled for this section."""
    records = {key: result_record(section.table, key) for key in section.table.obsm}
    return [key for key, record in records.items() if Keys.section(section.name) in record.get("sections", {})]


def embedding_record(section: Section, key: str) -> dict[str, Any]:
    """Return encoder, revision, weights and patch size of an embedding, as far as they were recorded."""
    record = result_record(section.table, key)
    merged = {**record, **record.get("sections", {}).get(Keys.section(section.name), {})}
    return {name: float(merged[name]) if name == "patch_um" else str(merged[name]) for name in FACTS if name in merged}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the facts in which two records of embeddings contradict each other; what is unknown fits everything.

    Repositories get commits that leave the weights alone: where their hash is the same, the revision says nothing.
    """
    names = [name for name in one if name in other and not _same(one[name], other[name])]
    if one.get("weights_sha256") and one.get("weights_sha256") == other.get("weights_sha256"):
        names = [name for name in names if name != "revision"]
    return names


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal text, or numbers equal within 10 %.

    Stored spot diameters of real Visium sections differ by some percent, which changes no patch to speak of.
    """
    if one is None or other is None:
        return True
    if isinstance(one, str) or isinstance(other, str):
        return not one or not other or one == other
    if not np.isfinite(one) or not np.isfinite(other):
        return True
    return bool(abs(one - other) <= 0.1 * max(abs(one), abs(other)))
