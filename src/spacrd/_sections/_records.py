"""What earlier calls recorded about a section: its embeddings and its scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._keys import Keys
from ..image._geometry import find_scale
from ._tables import Library, coordinates, result_record

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


def um_per_unit(library: Library) -> float:
    """Micrometres per unit of :func:`coordinates`; NaN if it cannot be found."""
    table = library.table
    array = {key: table.obs[key].to_numpy()[library.rows] for key in ("array_row", "array_col") if key in table.obs}
    entry = table.uns.get(Keys.SPATIAL, {})
    entry = entry.get(library.name, {}) if isinstance(entry, Mapping) else {}
    diameter = float(entry.get("scalefactors", {}).get("spot_diameter_fullres", np.nan))
    if library.sdata is not None and library.region in library.sdata.shapes:
        shapes = library.sdata.shapes[library.region]
        diameter = 2 * float(shapes["radius"].median()) if "radius" in shapes else diameter
    try:
        return find_scale(coordinates(library), spot_diameter=diameter, **array).um_per_unit
    except ValueError:
        return float("nan")
