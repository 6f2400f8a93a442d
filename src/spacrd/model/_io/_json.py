"""Read files of a model folder of unknown origin: check which are opened and how much is read."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any

from ..._checks import quote_names

MAX_JSON = 1 << 24
"""Largest size of a JSON file in bytes: 16 MB hold several hundred thousand gene names."""
MAX_ENTRIES = 1000
"""Most entries of a JSON object."""
MAX_PARTS = 100_000
"""Most objects and lists of a JSON file; empty ones need fifty times their size in memory."""
AGAIN = "Copy the model folder again."


def plain_file(folder: Path, name: str, limit: int) -> Path:
    """Return the path of a file of the folder if it may be opened.

    Links may point into the folder and, in the hub's cache, to its store of files (``blobs``).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it links out of the folder, is not a regular file (a pipe would block) or exceeds ``limit`` bytes.
    """
    try:
        real = (folder / name).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # dangling links, and links in a circle
        names = quote_names(sorted(item.name for item in folder.iterdir()))
        raise FileNotFoundError(f"{folder} is not a spacrd model: {name!r} is missing, found {names}.") from error
    home = folder.resolve()
    allowed = [home]
    if home.parent.name == "snapshots":
        allowed.append(home.parents[1] / "blobs")
    if not any(real.is_relative_to(parent) for parent in allowed):
        raise ValueError(f"{folder / name} is a link that leads out of its folder, to {real}. Copy the file itself.")
    status = real.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{folder / name} is no file but a folder, a pipe or a device. {AGAIN}")
    if status.st_size > limit:
        raise ValueError(
            f"{folder / name} has {status.st_size / 1e6:,.0f} MB; at most {limit / 1e6:,.0f} MB are read. It is "
            "damaged, or no file of a spacrd model."
        )
    return real


def read_json(folder: Path, name: str) -> Any:
    """Read JSON strictly: UTF-8, no entry twice, no NaN or infinity."""
    text = plain_file(folder, name, MAX_JSON).read_bytes()
    try:
        if text.count(b"{") + text.count(b"[") > 2 * MAX_PARTS:  # names may hold brackets, too
            raise ValueError(f"it has more than {MAX_PARTS} parts")
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_table, parse_constant=_not_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / name} is damaged: {error}. {AGAIN}") from error


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary; raise if it is too large or has an entry twice."""
    if len(pairs) > MAX_ENTRIES:
        raise ValueError(f"it has a table of {len(pairs)} entries")
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"entries are there twice: {quote_names({key for key in keys if keys.count(key) > 1}, 3)}")
    return table


def _not_finite(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text)
