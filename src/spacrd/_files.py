"""Write files and folders whole, or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PART = ".part"
"""Suffix of a file that is being written."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a file to write in place of ``path``: it takes its place when the block ends, and is removed after an error.

    Whatever interrupts the block, a full disk or a killed process, ``path`` holds what it held. A killed process leaves
    a hidden file ``.<name>.<process>.part`` beside it.

    Yields
    ------
    Path of a new file in the same folder.
    """
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    if target.exists() and not target.is_file():
        if target.is_dir():
            raise IsADirectoryError(f"{str(path)!r} is a directory. Name a file.")
        yield target  # a pipe or a device cannot be replaced
        return
    unfinished = target.with_name(f".{target.name}.{os.getpid()}{PART}")
    try:
        yield unfinished
        _flush(unfinished)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def replace_folder(made: Path, target: Path) -> None:
    """Put a finished folder in the place of another, which is deleted.

    On Linux and macOS the two change places in one step. Where the file system cannot do that, ``target`` is missing
    for a moment.

    Parameters
    ----------
    made
        Folder, in the same file system as ``target``.
    target
        Folder that stands there, or nothing.
    """
    for item in made.iterdir():
        if item.is_file():  # the many chunks of a zarr store would take minutes
            _flush(item)
    if not target.exists():
        made.replace(target)
        return
    old = made
    if not _change_places(made, target):
        beside = old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        target.replace(beside / "old")
        made.replace(target)
    shutil.rmtree(old, ignore_errors=True)  # the new folder stands, whatever happens here


def _change_places(one: Path, other: Path) -> bool:
    """Tell whether the system could exchange two folders in one step."""
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    call = getattr(ctypes.CDLL(None), name, None) if name else None
    if call is None:
        return False
    here = [ctypes.c_int(-100)] if name == "renameat2" else []  # AT_FDCWD
    arguments = [value for path in (one, other) for value in (*here, ctypes.c_char_p(os.fsencode(path)))]
    return int(call(*arguments, ctypes.c_uint(2))) == 0  # RENAME_EXCHANGE, RENAME_SWAP


def _flush(file: Path) -> None:
    """Flush the content to the disk before the name: a computer that stops between the two leaves the old file."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
