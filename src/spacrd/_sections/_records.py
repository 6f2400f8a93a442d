"""What earlier calls recorded about the embeddings of a section."""

from __future__ import annotations

import numpy as np

from .._keys import Keys
from ..features import EmbeddingRecord
from ._tables import Section, result_record

FACTS = ("encoder", "revision", "weights_sha256")


def recorded_embeddings(section: Section) -> list[str]:
    """List the slots of ``obsm`` that ``extract_patches`` filled for this section."""
    records = {key: result_record(section.table, key) for key in section.table.obsm}
    return [key for key, record in records.items() if Keys.section(section.name) in record.get("sections", {})]


def embedding_record(section: Section, key: str) -> EmbeddingRecord:
    """Read what made an embedding, as far as it was recorded."""
    record = result_record(section.table, key)
    merged = {**record, **record.get("sections", {}).get(Keys.section(section.name), {})}
    patch_um = float(merged.get("patch_um", np.nan))
    return EmbeddingRecord(
        key=key,
        patch_um=patch_um if np.isfinite(patch_um) else None,
        **{name: str(merged[name]) for name in FACTS if name in merged},
    )
