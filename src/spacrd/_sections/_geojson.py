"""Polygons with classes, from GeoJSON as QuPath writes it and back."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, printable, warn
from .._files import checked_path, replacing
from ._class_names import class_name
from ._geojson_file import parse, read_file
from ._polygons import MAX_DEPTH

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

CLASS, KIND = "class", "kind"
"""Columns of the frames of this module: the class, and what kind of object of QuPath this is."""
_EXPECTED = "expected a FeatureCollection, a Feature or a list of features, as QuPath exports them"


def read_geojson(source: str | Path | Mapping[str, Any] | Sequence[Any], class_key: str | None) -> GeoDataFrame:
    """Read polygons, their class and their kind, in the units of the file.

    The class is ``properties[class_key]``; by default ``properties.classification``, a name or what QuPath keeps there.
    Features without a class are kept with None; those without a geometry are left out, with a warning.

    Raises
    ------
    ValueError
        If this is no GeoJSON with features that can be read.
    KeyError
        If no feature has ``class_key``.
    """
    import geopandas

    where = "The GeoJSON"
    if isinstance(source, str | Path):
        content: str | bytes
        if isinstance(source, str) and is_content(source):
            content = source
        else:
            file = checked_path(source, "regions")
            where, content = f"{file.name!r}", read_file(file)
        try:
            source = parse(content)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where} is no GeoJSON ({error}); {_EXPECTED}.") from error
    features = _features(source, where)
    properties = [_properties(feature, number, where) for number, feature in enumerate(features, start=1)]
    if class_key is not None and not any(class_key in values for values in properties):
        check_key(
            class_key, dict.fromkeys(name for values in properties for name in values), "property of the features"
        )
    faults: list[str] = []
    rows = []
    for number, (feature, values) in enumerate(zip(features, properties, strict=True), start=1):
        found: list[str] = []
        geometry = _geometry(feature.get("geometry"), found)
        name = class_name(values.get(class_key or "classification"))
        faults += [f"feature {number}{f' ({name!r})' if name else ''}: {fault}" for fault in found]
        if geometry is not None:
            rows.append((name, _kind(feature, values), geometry))
    told = f"{'; '.join(faults[:5])}{f'; and {len(faults) - 5} more' if len(faults) > 5 else ''}"
    if not rows:
        raise ValueError(f"{where} has no feature whose geometry can be read ({told}).")
    if faults:
        warn(f"{where}: {len(faults)} geometries or rings were left out: {told}.")
    classes, kinds, geometries = zip(*rows, strict=True)
    return geopandas.GeoDataFrame({CLASS: classes, KIND: kinds}, geometry=list(geometries))


def is_content(text: str) -> bool:
    """Whether a text is GeoJSON, and not the path of a file."""
    return text.lstrip("\ufeff\x1e \t\r\n")[:1] in ("{", "[")


def _features(source: Any, where: str) -> list[Mapping[str, Any]]:
    if isinstance(source, Mapping):
        kind = source.get("type")
        source = source.get("features") if kind == "FeatureCollection" else [source] if kind == "Feature" else None
    if (
        not isinstance(source, Sequence)
        or isinstance(source, str)
        or not all(isinstance(feature, Mapping) for feature in source)
    ):
        raise ValueError(f"{where} holds no features; {_EXPECTED}.")
    if not source:
        raise ValueError(f"{where} holds no features: nothing was drawn or exported.")
    return list(source)


def _properties(feature: Mapping[str, Any], number: int, where: str) -> Mapping[str, Any]:
    values = feature.get("properties")
    if values is not None and not isinstance(values, Mapping):
        raise ValueError(f"{where}: the properties of feature {number} are a {type(values).__name__}, not a table.")
    return values or {}


def _kind(feature: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Return what QuPath calls the kind of an object, as its versions write it; empty if nothing does."""
    kind = values.get("objectType") or values.get("object_type") or feature.get("id")
    return kind if isinstance(kind, str) else ""


def _geometry(value: Any, faults: list[str], depth: int = 0) -> Any:
    """Return a geometry without the rings that cannot be read, or None; ``faults`` gets what is wrong."""
    import shapely
    from shapely.errors import ShapelyError

    kind = value.get("type") if isinstance(value, Mapping) else None
    try:
        if value is None or depth > MAX_DEPTH:
            faults.append("no geometry" if value is None else f"collections nested deeper than {MAX_DEPTH}")
            return None
        if kind == "GeometryCollection":
            parts = [_geometry(part, faults, depth + 1) for part in value["geometries"]]
            if not parts:
                faults.append("an empty collection")
            parts = [part for part in parts if part is not None]
            return shapely.GeometryCollection(parts) if parts else None
        if kind not in ("Polygon", "MultiPolygon"):
            return shapely.geometry.shape(value)
        areas = [value["coordinates"]] if kind == "Polygon" else value["coordinates"]
        polygons = [polygon for area in areas if (polygon := _polygon(area, faults)) is not None]
        return shapely.MultiPolygon(polygons) if polygons else None
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        ArithmeticError,
        RecursionError,
        ShapelyError,
    ) as error:
        faults.append(f"a geometry that cannot be read ({type(error).__name__}: {error})")
        return None


def _polygon(rings: Any, faults: list[str]) -> Any:
    """Return a polygon of its rings that have three corners or more, or None if the outer one has not."""
    import shapely

    if not rings:
        faults.append("an empty polygon")
        return None
    usable = []
    for number, ring in enumerate(rings):
        corners = np.asarray(ring, dtype=np.float64)[:, :2] if len(ring) else np.empty((0, 2))
        if len(corners) < 8 and len(np.unique(corners, axis=0)) < 3:
            faults.append(f"a ring of {len(corners)} corners")
        elif not np.isfinite(corners).all():
            faults.append("a ring with corners that are no numbers")
        else:
            usable.append(corners)
            continue
        if number == 0:
            return None
    return shapely.Polygon(usable[0], usable[1:])


def check_geojson_place(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is no GeoJSON by its name, before the work: it would be replaced."""
    file = checked_path(path, "geojson")
    if file.suffix.lower() not in (".geojson", ".json") and not file.is_dir():
        raise ValueError(f"geojson={str(path)!r} names no GeoJSON file: end it in '.geojson'.")


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
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{printable(section)}/{number}")),
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
