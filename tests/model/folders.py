"""Model folders that somebody changed."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacrd.model._io._folder import CHECKSUM, CONFIG, HISTORY, WEIGHTS, checksum


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the settings, as somebody does who knows nothing of the checksum."""
    settings = json.loads((folder / CONFIG).read_text())
    change(settings)
    (folder / CONFIG).write_text(json.dumps(settings))


def seal(folder: Path) -> None:
    """Make the checksum fit, as somebody does who means harm."""
    history = json.loads((folder / HISTORY).read_text())
    edit(folder, lambda c: c.update({CHECKSUM: checksum(c, history, folder / WEIGHTS)}))


def header(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the table of tensors, and leave the tensors."""
    raw = (folder / WEIGHTS).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + length])
    change(table)
    text = json.dumps(table).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """Bytes by which the memory of this process grew at its highest, of all libraries; 0 where Linux does not tell."""
    peak = Path("/proc/self/clear_refs")
    try:
        peak.write_text("5")  # the highest is counted anew
    except OSError:
        yield lambda: 0
        return

    def highest() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    before = highest()
    yield lambda: highest() - before
