"""Regions drawn on an image, as QuPath exports them."""

from __future__ import annotations

from typing import Any

from shapely.geometry import Polygon, box, mapping

TUMOUR = box(51, 51, 403, 503)
DUCT = box(152, 152, 263, 263)
HOLED = Polygon(TUMOUR.exterior.coords, [box(292, 292, 373, 373).exterior.coords])


def feature(geometry: Any, name: str | None, **properties: Any) -> dict:
    """What QuPath exports for one annotation."""
    if name is not None:
        properties["classification"] = {"name": name, "color": [200, 0, 0]}
    properties = {"objectType": "annotation", **properties}
    return {"type": "Feature", "id": "made", "geometry": mapping(geometry), "properties": properties}


def collection(*features: dict) -> dict:
    """A file of annotations."""
    return {"type": "FeatureCollection", "features": list(features)}
