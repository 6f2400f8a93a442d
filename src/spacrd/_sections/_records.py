"""What earlier calls recorded about the embeddings of a section."""

from __future__ import annotations

from typing import Any

from .._keys import Keys
from ._tables import Library, result_record

FACTS = ("encoder", "revision", "weights_sha256", "patch_um")
"""What two embeddings must share to be comparable."""


def recorded_embeddings(library: Library) -> list[str]:
    """Slots of ``obsm`` that ``extract_patches`` filled for this section."""
    records = {key: result_record(library.table, key) for key in library.table.obsm}
    return [key for key, record in records.items() if Keys.section(library.name) in record.get("sections", {})]


def embedding_record(library: Library, key: str) -> dict[str, Any]:
    """Encoder, revision, weights and patch size of an embedding, as far as they were recorded."""
    record = result_record(library.table, key)
    merged = {**record, **record.get("sections", {}).get(Keys.section(library.name), {})}
    return {name: float(merged[name]) if name == "patch_um" else str(merged[name]) for name in FACTS if name in merged}
