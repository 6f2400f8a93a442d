"""Store results of finished fits, to resume an interrupted cross-validation."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..._checks import quote_names, warn
from ..._files import PART, checked_path, replacing
from ...metrics import LEVEL

ARGUMENTS = "arguments.json"
NUMBERS = ("likelihood", "threshold", *LEVEL)
"""Columns of fractions in a result."""


@dataclass(frozen=True)
class Store:
    """Read and write a folder with ``arguments.json`` and one CSV per finished fit."""

    folder: Path

    @classmethod
    def find(cls, folder: str | os.PathLike[str]) -> Store:
        """Name a folder without making it; raise ValueError if it is a file, or holds something else."""
        path = checked_path(folder, "resume")
        held = path.is_dir() and not (path / ARGUMENTS).exists() and any(map(_whole, path.iterdir()))
        if held or (path.exists() and not path.is_dir()):
            raise ValueError(
                f"{str(path)!r} is not a folder of cross-validation results. Give resume a new or empty folder."
            )
        return cls(path)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], arguments: Mapping[str, Any]) -> Store:
        """Make the folder, or open one that was made with the same arguments."""
        store = cls.find(folder)
        file = store.folder / ARGUMENTS
        current = json.loads(json.dumps(arguments, default=_plain))
        if file.exists():
            stored = _read_arguments(file)
            differ = [name for name in {**stored, **current} if stored.get(name) != current.get(name)]
            if differ:
                raise ValueError(
                    f"The folder {str(store.folder)!r} holds a cross-validation with other arguments or data: "
                    f"{quote_names(differ)} differ. Use another folder for resume, or delete this one."
                )
            return store
        store.folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(current, indent=1), encoding="utf-8")
        return store

    def _file(self, model: str, seed: int, fold: int) -> Path:
        return self.folder / f"{model.replace(' ', '-')}_seed{seed}_fold{fold}.csv"

    def load(self, model: str, seed: int, fold: int) -> pd.DataFrame | None:
        """Read the result of a finished fit; None if there is none or the file was changed."""
        file = self._file(model, seed, fold)
        if not file.exists():
            return None
        seal, _, table = file.read_bytes().partition(b"\n")
        if seal != _seal(table):
            warn(f"{str(file)!r} is damaged or was changed, so this fit is done again.")
            return None
        # As text, which Python turns into exactly the numbers that were written; pandas may err in the last digit.
        frame = pd.read_csv(io.BytesIO(table), dtype=dict.fromkeys((*NUMBERS, "region", "reason", "verdict"), object))
        return frame.astype(dict.fromkeys(NUMBERS, float)).fillna({"reason": "", "verdict": ""})

    def save(self, model: str, seed: int, fold: int, result: pd.DataFrame) -> None:
        """Write a result, completely or not at all."""
        table = result.to_csv(index=False).encode()
        with replacing(self._file(model, seed, fold)) as temporary:
            temporary.write_bytes(_seal(table) + b"\n" + table)


def _seal(table: bytes) -> bytes:
    """Return the first line of a file, a checksum of the rest."""
    return b"# sha256 " + hashlib.sha256(table).hexdigest().encode()


def _whole(file: Path) -> bool:
    """Tell whether a file is complete, and not left by a killed process."""
    return file.suffix != PART


def _read_arguments(file: Path) -> dict[str, Any]:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{str(file)!r} is damaged ({error}). Delete the folder, or name another for resume."
        ) from error
    if not isinstance(stored, dict):
        raise ValueError(f"{str(file)!r} holds no arguments of a cross-validation. Name another folder for resume.")
    return stored


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"resume cannot compare an argument of type {type(value).__name__} between calls: leave it out.")
