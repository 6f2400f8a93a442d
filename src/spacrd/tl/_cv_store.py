"""Results of finished fits in a folder, so that an interrupted cross-validation continues."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .._checks import names

ARGUMENTS = "arguments.json"


@dataclass(frozen=True)
class Store:
    """A folder with ``arguments.json`` and one CSV per finished fit."""

    folder: Path

    @classmethod
    def open(cls, folder: str | os.PathLike[str], arguments: Mapping[str, Any]) -> Store:
        """Make the folder, or open one that was made with the same arguments."""
        store = cls(Path(folder).expanduser())
        file = store.folder / ARGUMENTS
        wanted = json.loads(json.dumps(arguments, default=_plain))
        if file.exists():
            found = json.loads(file.read_text())
            differ = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
            if differ:
                raise ValueError(
                    f"The folder {str(store.folder)!r} holds a cross-validation with other arguments or data: "
                    f"{names(differ)} differ. Use another folder for resume, or delete this one."
                )
            return store
        if store.folder.exists() and (not store.folder.is_dir() or any(store.folder.iterdir())):
            raise ValueError(
                f"{str(store.folder)!r} is not a folder of cross-validation results. Give resume a new or empty folder."
            )
        store.folder.mkdir(parents=True, exist_ok=True)
        _write(file, json.dumps(wanted, indent=1))
        return store

    def _file(self, model: str, seed: int, fold: int) -> Path:
        return self.folder / f"{model.replace(' ', '-')}_seed{seed}_fold{fold}.csv"

    def load(self, model: str, seed: int, fold: int) -> pd.DataFrame | None:
        """Result of a finished fit, or None."""
        file = self._file(model, seed, fold)
        if not file.exists():
            return None
        return pd.read_csv(file, float_precision="round_trip", dtype={"region": object})

    def save(self, model: str, seed: int, fold: int, result: pd.DataFrame) -> None:
        """Keep a result; a reader sees all of it or nothing."""
        _write(self._file(model, seed, fold), result.to_csv(index=False))


def _write(file: Path, text: str) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"resume cannot compare an argument of type {type(value).__name__} between calls: leave it out.")
