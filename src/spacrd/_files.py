"""Files that stand on disk whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


PART = ".part"
"""Suffix of a file that is being written."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write in place of ``path``: it takes its place when the block ends, and is removed after an error.

    Whatever interrupts the block, a full disk or a killed process, ``path`` holds what it held. A killed process leaves
    a hidden file ``.<name>.<process>.part`` beside it.

    Yields
    ------
    Path of a new file in the same folder.
    """
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    if target.exists() and not target.is_file():
        if target.is_dir():
            raise IsADirectoryError(f"{str(path)!r} is a folder. Name a file.")
        yield target  # a pipe or a device cannot be replaced
        return
    part = target.with_name(f".{target.name}.{os.getpid()}{PART}")
    try:
        yield part
        _flush(part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _flush(file: Path) -> None:
    """Bring the content to the disk before the name: a computer that stops between the two leaves the old file."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
