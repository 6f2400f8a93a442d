"""Refuse outputs that would replace an input or another output, before any work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from .._files import checked_path
from ._inputs import Input, is_zarr
from ._options import flag

READ = ("model", "weights", "regions", "genes", "fullres_image", "data")
"""Options that name a file or folder which is read; some may name something else."""


def check_apart(
    arguments: argparse.Namespace, sources: Sequence[Input], targets: Sequence[Path], **others: Path | None
) -> None:
    """Refuse outputs that are an input or another output, or that lie in one, or hold one; links are followed.

    Parameters
    ----------
    arguments
        Options of the command.
    sources
        Inputs. Each may be replaced by its own result.
    targets
        Output of each input; none, or as many as inputs.
    others
        Further outputs, by the name of their option.
    """
    results = [
        (f"the result of {source.given!r}", target) for source, target in zip(sources, targets, strict=bool(targets))
    ]
    writes = results + [(flag(name), path) for name, path in others.items() if path is not None]
    reads = [(f"the input {source.given!r}", Path(source.given).expanduser()) for source in sources]
    own = {(number, number) for number, (_, target) in enumerate(results) if _same(target, reads[number][1])}
    for name in READ:
        given = getattr(arguments, name, None)
        if isinstance(given, str) and (path := checked_path(given, flag(name))).exists():
            reads.append((flag(name), path))
    for number, (what, path) in enumerate(writes):
        for other, taken in writes[:number]:
            if _same(path, taken) or _within(path, taken) or _within(taken, path):
                raise ValueError(f"{what} and {other} would both be written to {str(path)!r}. Name another place.")
        for position, (other, read) in enumerate(reads):
            if (number, position) not in own and _harms(path, read):
                raise ValueError(f"{what} would be written to {str(path)!r}, over or into {other}. Name another place.")


def _same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one place, through links or not."""
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and os.path.samefile(one, other))


def _within(one: Path, other: Path) -> bool:
    return one.resolve().is_relative_to(other.resolve())


def _harms(path: Path, read: Path) -> bool:
    """Tell whether writing to ``path`` changes an input; a new file beside an instrument's own does not."""
    if _same(path, read) or _within(read, path):
        return True
    closed = is_zarr(read) or (read / "model.safetensors").exists()
    return _within(path, read) and (closed or path.is_file())
