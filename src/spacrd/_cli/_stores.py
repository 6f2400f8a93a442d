"""A SpatialData store with results in it: what did not change is copied file by file, as it was encoded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spatialdata import SpatialData


def copy_with(source: Path, target: Path, data: SpatialData, changed: Collection[str]) -> None:
    """Copy ``source`` to ``target``, with the elements ``changed`` of ``data`` in place of its own.

    An image is not decoded and encoded again, which takes ten times as long, and keeps its chunks and compression.
    """
    from spatialdata import SpatialData

    tables = {name: element for name, element in data.tables.items() if name in changed}
    shapes = {name: element for name, element in data.shapes.items() if name in changed}
    written: Mapping[str, Mapping[str, object]] = {"tables": tables, "shapes": shapes}
    _copy(source, target, {Path(kind, name) for kind, elements in written.items() for name in elements})
    part = SpatialData(tables=tables, shapes=shapes)
    part.path = target
    part.write_element([*tables, *shapes])


def _copy(source: Path, target: Path, left_out: Collection[Path]) -> None:
    """Copy contents, but no permissions: an input may be read-only."""
    for folder, folders, files in os.walk(source, followlinks=True):
        place = Path(folder).relative_to(source)
        folders[:] = [name for name in folders if place / name not in left_out]
        (target / place).mkdir()
        for name in files:
            shutil.copyfile(Path(folder, name), target / place / name)
