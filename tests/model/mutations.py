"""Damage, carelessness and malice done to a model folder at random."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from spacrd.model._io._folder import CONFIG, HISTORY, WEIGHTS

from .folders import header, seal

ANY = [
    *(None, True, False, 0, 1, -1, 2, 7, 1.5, -0.5, 1e-300, 1e300, 2**31, 2**63, 2**64, 10**18, 10**400),
    *("", "x", "1", "image", "none", "../../etc/passwd", "\ud800", "\0", "é" * 500, "x" * 100_000, "__class__"),
    *([], [1], [None], ["a", "a"], [[]], [1, 2], [2**40, 2**40], ["x"] * 3000, {}, {"a": 1}, {"__reduce__": "x"}),
]
"""Values of a type or a size that a field may not expect."""


def places(values: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in JSON values; of long lists the first two entries."""
    items = values.items() if isinstance(values, dict) else enumerate(values[:2]) if isinstance(values, list) else ()
    return [prefix, *(place for key, value in items for place in places(value, (*prefix, key)))]


def change_json(file: Path, rng: np.random.Generator) -> None:
    """Delete, add, replace or double some entries."""
    values = json.loads(file.read_text())
    for _ in range(rng.integers(1, 4)):
        spots = [place for place in places(values) if place]
        if not spots:
            break
        *path, last = spots[rng.integers(len(spots))]
        parent = values
        for step in path:
            parent = parent[step]
        what, value = rng.integers(5), deepcopy(ANY[rng.integers(len(ANY))])
        if what == 0:
            del parent[last]
        elif what == 1 and isinstance(parent, dict):
            parent[str(value)[:200]] = value
        elif what == 2 and isinstance(parent[last], int | float):
            parent[last] = type(parent[last])(parent[last] * rng.choice([-1, 0, 2, 1000]))
        elif what == 3 and isinstance(parent[last], list):
            parent[last] = parent[last] * int(rng.integers(2, 4))
        else:
            parent[last] = value
    file.write_text(json.dumps(values))


def change_text(file: Path, rng: np.random.Generator) -> None:
    """Replace a piece of the text of a JSON file."""
    text = file.read_text()
    old, new = [
        ("1", "NaN"),
        ("0", "1e999"),
        (": ", ": -"),
        ("[", "[" * 50_000),
        ("{", '{"seed": 1, '),
        (",", ",,"),
        ("}", ""),
        ('"', ""),
        ("true", "1"),
        ("\n", "\n//"),
        ("1", "1" * 4000),
        ("0", "0" * 5000),
    ][rng.integers(12)]
    file.write_text(text.replace(old, new, int(rng.integers(1, 3))))


def change_header(folder: Path, rng: np.random.Generator) -> None:
    """Change name, shape, type or place of a tensor."""

    def change(table: dict[str, Any]) -> None:
        names = [name for name in table if name != "__metadata__"]
        name, other = (names[i] for i in rng.choice(len(names), 2, replace=False))
        what, value = rng.integers(8), deepcopy(ANY[rng.integers(len(ANY))])
        if what == 0:
            del table[name]
        elif what == 1:
            table[str(value)[:200]] = table.pop(name)
        elif what == 2:
            table[name]["shape"] = [int(n) for n in rng.choice([0, 1, 2, 8, 2**20, 2**40], rng.integers(0, 4))]
        elif what == 3:
            table[name]["dtype"] = str(rng.choice(["F64", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "P32", ""]))
        elif what == 4:
            table[name]["data_offsets"] = [int(n) for n in rng.choice([0, 1, 64, 2**32, 2**63], 2)]
        elif what == 5:
            table[name], table[other] = table[other], table[name]
        elif what == 6:
            table[name][rng.choice(["shape", "dtype", "data_offsets", "extra"])] = value
        else:
            table["__metadata__"] = value

    header(folder, change)


def change_weights(folder: Path, rng: np.random.Generator) -> None:
    """Weights that are no numbers, or absurd ones."""
    tensors = load_file(folder / WEIGHTS)
    name = list(tensors)[rng.integers(len(tensors))]
    value = rng.choice([np.nan, np.inf, -1e38, 1e38, -1.0, 0.0])
    tensors[name].view(-1)[:1] = float(value) if tensors[name].is_floating_point() else -7
    save_file(tensors, folder / WEIGHTS)


def flip(file: Path, rng: np.random.Generator) -> None:
    """Change some bytes."""
    raw = bytearray(file.read_bytes())
    # Half of them near the start, where headers are.
    for _ in range(rng.integers(1, 20)):
        raw[rng.integers(len(raw) if rng.random() < 0.5 else min(len(raw), 200))] = rng.integers(256)
    file.write_bytes(raw)


def cut(file: Path, rng: np.random.Generator) -> None:
    """Cut a file off, or let it go on."""
    raw = file.read_bytes()
    longer = raw + rng.bytes(int(rng.integers(1, 5000)))
    file.write_bytes(longer if rng.random() < 0.3 else raw[: rng.integers(len(raw))])


def grow(file: Path, rng: np.random.Generator) -> None:
    """Give a file an absurd size, nearly all of it a hole."""
    with file.open("r+b") as stream:
        stream.truncate(int(rng.choice([2**25, 2**34, 2**40])))


def lead_away(file: Path, rng: np.random.Generator) -> None:
    """Put something that is no file in its place."""
    content = file.read_bytes()
    file.unlink()
    outside = file.parent.parent / f"outside-{file.name}"
    match rng.integers(6):
        case 0:
            outside.write_bytes(content)
            file.symlink_to(outside)
        case 1:
            file.symlink_to(rng.choice(["/dev/zero", "/dev/stdin", "/proc/self/mem", "/etc/passwd", "nowhere"]))
        case 2:
            os.mkfifo(file)
        case 3:
            file.mkdir()
        case 4:
            file.symlink_to(file.name)


def mutate(folder: Path, other: Path, rng: np.random.Generator) -> str:
    """Do one thing to a folder, and tell what.

    Half of what keeps the files readable is sealed anew, so that the checksum is not what finds it.
    """
    file = folder / rng.choice([CONFIG, CONFIG, HISTORY, WEIGHTS])
    text = folder / rng.choice([CONFIG, CONFIG, CONFIG, HISTORY])
    ways: list[tuple[str, Callable[[], Any]]] = [
        ("json", lambda: change_json(text, rng)),
        ("json", lambda: change_json(text, rng)),
        ("json", lambda: change_json(text, rng)),
        ("text", lambda: change_text(text, rng)),
        ("header", lambda: change_header(folder, rng)),
        ("weights", lambda: change_weights(folder, rng)),
        ("flip", lambda: flip(file, rng)),
        ("flip", lambda: flip(file, rng)),
        ("cut", lambda: cut(file, rng)),
        ("grow", lambda: grow(file, rng)),
        ("swap", lambda: shutil.copy(other / file.name, file)),
        ("swap", lambda: shutil.copy(folder / rng.choice([CONFIG, HISTORY, WEIGHTS]), folder / "x").replace(file)),
        ("link", lambda: lead_away(file, rng)),
    ]
    what, act = ways[rng.integers(len(ways))]
    act()
    if what in ("json", "header", "weights", "swap") and rng.random() < 0.5:
        try:
            seal(folder)
        except (ValueError, AttributeError, TypeError):
            return what  # no longer readable
        return f"{what}, sealed"
    return what
