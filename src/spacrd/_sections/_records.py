"""What earlier calls recorded in ``uns["spacrd"]``: of results, and of the embeddings of a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._keys import Keys
from ..features import EmbeddingRecord
from ._section import Section

if TYPE_CHECKING:
    from anndata import AnnData

FACTS = ("encoder", "revision", "weights_sha256")
"""Text that tells what made an embedding."""


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


def embedding_record(section: Section, key: str) -> EmbeddingRecord:
    """Return what made an embedding, as far as it was recorded."""
    record = result_record(section.table, key)
    merged = {**record, **record.get("sections", {}).get(Keys.section(section.name), {})}
    patch_um = float(merged.get("patch_um", np.nan))
    return EmbeddingRecord(
        key=key,
        patch_um=patch_um if np.isfinite(patch_um) else None,
        **{name: str(merged[name]) for name in FACTS if name in merged},
    )
