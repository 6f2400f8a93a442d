"""What of an AnnData or SpatialData a call was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Names that a caller gave: what is None was left open.

    Attributes
    ----------
    table_key
        Table of a SpatialData.
    library_key
        Column of ``obs`` that names the sections.
    region
        Section, or element that its rows annotate, to take alone.
    layer
        Layer of raw counts.
    image_key
        Image of the section.
    coordinate_system
        Coordinate system of a SpatialData that spots and image share.
    """

    table_key: str = "table"
    library_key: str | None = None
    region: str | None = None
    layer: str | None = None
    image_key: str | None = None
    coordinate_system: str | None = None


ALL = Selection()
"""Nothing was named: all sections, by default names."""
