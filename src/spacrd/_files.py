"""Write files and folders whole, or not at all, with the permissions that the umask leaves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PART = ".part"
"""Suffix of a file that is being written."""
MAX_NAME, MAX_PATH = 255, 4000
"""Bytes of a name, and of a path, that file systems take."""


def checked_path(path: str | os.PathLike[str], argument: str, what: str = "a file or folder") -> Path:
    """Return a path that a file system can have, with its ``~`` expanded; whether it exists is not looked at.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If no file can have this path: it holds a null character, or is too long.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str) or not text:
        raise TypeError(f"{argument} must name {what}, got {path!r}.")
    if "\0" in text:
        raise ValueError(f"{argument}={text[:100]!r} holds a null character, which no path can.")
    try:
        file = Path(text).expanduser()
    except RuntimeError as error:  # ~somebody
        raise ValueError(f"{argument}={text[:100]!r}: {error}") from error
    longest = max((len(os.fsencode(part)) for part in file.parts), default=0)
    if longest > MAX_NAME or len(os.fsencode(file.absolute())) > MAX_PATH:
        raise ValueError(f"{argument}={text[:100] + '...'!r} is too long for a path: shorten its names.")
    return file


def _beside(target: Path, ending: str) -> Path:
    """Return a hidden path in the same folder, of a name that is not too long."""
    name = target.name if len(os.fsencode(target.name)) < MAX_NAME - 50 else target.name[:50]
    return target.with_name(f".{name}.{ending}")


def unfinished_folder(target: Path) -> Path:
    """Make a hidden folder beside ``target``, in which it is made; unlike those of tempfile, others may read it."""
    made = _beside(target, secrets.token_hex(6))
    made.mkdir()
    return made


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a file to write in place of ``path``: it takes its place when the block ends, and is removed after an error.

    Whatever interrupts the block, a full disk or a killed process, ``path`` holds what it held. A killed process leaves
    a hidden file ``.<name>.<process>.part`` beside it.

    Yields
    ------
    Path of a new file in the same folder.
    """
    target = Path(os.path.realpath(checked_path(path, "path")))  # what a link points to is replaced, not the link
    if target.exists() and not target.is_file():
        if target.is_dir():
            raise IsADirectoryError(f"{str(path)!r} is a directory. Name a file.")
        yield target  # a pipe or a device cannot be replaced
        return
    unfinished = _beside(target, f"{os.getpid()}{PART}")
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
        beside = old = unfinished_folder(target)
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
