"""Polygons with classes, from GeoJSON as QuPath writes it and back."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._checks import check_key, quote_names
from .._files import replacing

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

CLASS = "class"
"""Column of the class in the frames of this module."""
_EXPECTED = "expected a FeatureCollection, a Feature or a list of features, as QuPath exports them"


def read_geojson(source: str | Path | Mapping[str, Any] | Sequence[Any], class_key: str | None) -> GeoDataFrame:
    """Read polygons and their class, in the units of the file.

    The class is ``properties[class_key]``; by default ``properties.classification``, a name or what QuPath keeps there.
    Features without a class are kept with None.

    Raises
    ------
    ValueError
        If this is no GeoJSON with features.
    KeyError
        If no feature has ``class_key``.
    """
    import geopandas
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    where = "The GeoJSON"
    if isinstance(source, str | Path):
        try:
            if isinstance(source, str) and is_content(source):
                source = json.loads(source)
            else:
                where = f"{Path(source).name!r}"
                source = json.loads(Path(source).read_text(encoding="utf-8-sig"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{where} is no GeoJSON ({error}); {_EXPECTED}.") from error
    features = _features(source, where)
    properties = [feature.get("properties") or {} for feature in features]
    if class_key is not None and not any(class_key in values for values in properties):
        check_key(
            class_key, dict.fromkeys(name for values in properties for name in values), "property of the features"
        )
    try:
        geometry = [shape(feature["geometry"]) for feature in features]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError) as error:
        raise ValueError(f"{where} has a feature whose geometry cannot be read ({error}).") from error
    classes = [class_name(values.get(class_key or "classification")) for values in properties]
    return geopandas.GeoDataFrame({CLASS: classes}, geometry=geometry)


def is_content(text: str) -> bool:
    """Whether a text is GeoJSON, and not the path of a file."""
    return text.lstrip()[:1] in ("{", "[")


def _features(source: Any, where: str) -> list[Mapping[str, Any]]:
    if isinstance(source, Mapping):
        kind = source.get("type")
        source = source.get("features") if kind == "FeatureCollection" else [source] if kind == "Feature" else None
    if not isinstance(source, Sequence) or not all(isinstance(feature, Mapping) for feature in source):
        raise ValueError(f"{where} holds no features; {_EXPECTED}.")
    if not source:
        raise ValueError(f"{where} holds no features: nothing was drawn or exported.")
    return list(source)


def class_name(value: Any) -> str | None:
    """Return the name of a class: a text, what QuPath keeps of it, or that as text; None if there is none."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return value
    if isinstance(value, Mapping):
        several = value.get("names")
        value = ": ".join(map(str, several)) if several else value.get("name")
    if value is None or value is pd.NA or value != value or value == "":
        return None
    return str(value)


def write_geojson(path: str | os.PathLike[str], regions: GeoDataFrame, name: str, color: str) -> None:
    """Write polygons as annotations that QuPath opens; other columns become measurements."""
    from matplotlib.colors import to_rgb
    from shapely.geometry import mapping
    from shapely.geometry.polygon import orient

    rgb = [round(255 * value) for value in to_rgb(color)]
    columns = [column for column in regions.columns if column not in ("geometry", "section")]
    features = [
        {
            "type": "Feature",
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{section}/{number}")),
            "geometry": mapping(orient(geometry)),  # RFC 7946: outer rings counterclockwise
            "properties": {
                "objectType": "annotation",
                "name": f"{name} {number}",
                "classification": {"name": name, "color": rgb},
                "measurements": {column: float(regions[column].iloc[number - 1]) for column in columns},
            },
        }
        for number, (section, geometry) in enumerate(zip(regions["section"], regions.geometry, strict=True), start=1)
    ]
    with replacing(path) as file:
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def polygons_only(frame: GeoDataFrame) -> tuple[GeoDataFrame, int]:
    """Return the valid polygons of a frame, and how many rows held none (points, lines, empty geometries)."""
    import shapely

    corners, of = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    if len(bad := np.unique(of[~np.isfinite(corners).all(axis=1)])):
        raise ValueError(f"{len(bad)} of {len(frame)} annotations have corners that are NaN or infinite. Remove them.")
    geometry = shapely.make_valid(frame.geometry.to_numpy())
    polygons = [shapely.unary_union([leaf for leaf in _leaves(each) if leaf.geom_type in _AREAL]) for each in geometry]
    frame = frame.set_geometry(polygons)
    areal = ~frame.geometry.is_empty
    if not areal.any():
        kinds = quote_names(frame.geometry.geom_type.unique()) if len(frame) else "nothing"
        raise ValueError(f"There is no polygon among the annotations, but {kinds}. Draw closed regions.")
    return frame[areal.to_numpy()].reset_index(drop=True), int((~areal).sum())


_AREAL = ("Polygon", "MultiPolygon")


def _leaves(geometry: Any) -> list[Any]:
    """List the geometries without collections, however deep they lie."""
    import shapely

    parts = shapely.get_parts(geometry)
    return [leaf for part in parts for leaf in (_leaves(part) if part.geom_type == "GeometryCollection" else [part])]
