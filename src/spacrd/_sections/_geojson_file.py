"""JSON of annotations, however it was packed and encoded."""

from __future__ import annotations

import gzip
import json
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .._checks import quote_names

MAX_BYTES = 1 << 30
"""Bytes of an unpacked file: 1 GB holds some hundred thousand cells with their measurements."""


def read_file(file: Path) -> bytes:
    """Read a file: plain, gzipped, or the only GeoJSON of a zip archive.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no regular file (a pipe would wait for ever), too large, or damaged.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError(f"{file.name!r} is no file but a folder, a pipe or a device. Name a GeoJSON file.")
    with file.open("rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        try:
            content = _unpacked(stream, start, file.name)
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"{file.name!r} cannot be unpacked ({error}). Is it damaged or encrypted?") from error
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{file.name!r} holds more than {MAX_BYTES / 1e9:.1f} GB. Export the annotations alone, without detections."
        )
    return content


def _unpacked(stream: IO[bytes], start: bytes, name: str) -> bytes:
    """Return the content of a file, at most a byte more than is allowed."""
    if start[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=stream) as packed:
            return packed.read(MAX_BYTES + 1)
    if start != b"PK\x03\x04":
        return stream.read(MAX_BYTES + 1)
    with zipfile.ZipFile(stream) as archive:
        paths = [PurePosixPath(entry) for entry in archive.namelist() if not entry.endswith("/")]
        likely = [path for path in paths if path.suffix.lower() in (".geojson", ".json") and path.name[:1] != "."]
        members = [str(path) for path in likely if "__MACOSX" not in path.parts]
        if len(members) != 1:
            raise ValueError(
                f"{name!r} must hold one GeoJSON file, but holds {quote_names(members, 5)}. Unpack it, and name one."
            )
        with archive.open(members[0]) as packed:
            return packed.read(MAX_BYTES + 1)


def parse(content: bytes | str) -> Any:
    """Parse JSON in UTF-8, UTF-16 or UTF-32, or one JSON object a line as a list.

    Raises
    ------
    ValueError
        If it is none, or is nested too deeply.
    """
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        lines = [stripped for line in text.split("\n") if (stripped := line.strip(" \t\r\x1e"))]
        if len(lines) < 2:
            raise
    return [feature for line in lines for feature in _features_of(json.loads(line))]


def _features_of(value: Any) -> list[Any]:
    """Return the features of one line, which may be a collection."""
    collection = isinstance(value, Mapping) and value.get("type") == "FeatureCollection"
    features = value.get("features") if collection else None
    return features if isinstance(features, list) else [value]
