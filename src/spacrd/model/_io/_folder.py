"""Save and load a model as a folder: config.json, model.safetensors, history.json and a model card."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import MaxLen
from pydantic import FailFast

from ..._checks import check_bools, quote_names
from ..._files import checked_path, replace_folder, unfinished_folder
from ..._schema import Text, parse
from ..._settings import logger
from ..._torch_mode import plain_torch
from .._config import ModelConfig
from .._parts import ModelParts
from ._card import model_card
from ._json import AGAIN, MAX_PARTS, read_json
from ._weights import check_size, read_weights, weights_id

CONFIG, WEIGHTS, HISTORY, CARD = FILES = ("config.json", "model.safetensors", "history.json", "README.md")
CHECKSUM = "checksum"
"""Entry of config.json: a checksum over weights, history and settings."""
READINGS = 10
"""How often a folder is read that another process replaces meanwhile."""


@dataclass(frozen=True)
class History:
    """Hold the losses of each epoch, as JSON has them: None where they are not finite."""

    epochs: Annotated[
        tuple[Annotated[dict[Text, Text | int | float | None], MaxLen(100)], ...], FailFast(), MaxLen(MAX_PARTS)
    ]


def write_folder(
    path: str | os.PathLike[str],
    config: ModelConfig,
    parts: ModelParts,
    history: list[dict[str, Any]],
    *,
    overwrite: bool,
) -> None:
    """Write the folder under another name, then rename it, so that an interrupted save leaves the old one."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    target = free_place(path, overwrite=overwrite)
    settings, epochs = config.to_dict(), _without_nan(history)
    ModelConfig.from_dict(settings)
    parse(History, {"epochs": epochs}, "The model's history")
    tensors = parts.tensors()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_folder(target)
    try:
        try:
            save_file(tensors, temporary / WEIGHTS)
        except SafetensorError as error:  # its own name for a full disk
            raise OSError(f"{target} cannot be written: {error}.") from error
        settings[CHECKSUM] = checksum(settings, epochs, temporary / WEIGHTS)
        (temporary / CONFIG).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        (temporary / HISTORY).write_text(json.dumps(epochs, indent=1) + "\n", encoding="utf-8")
        (temporary / CARD).write_text(model_card(config, weights_id(tensors)), encoding="utf-8")
        shutil.copymode(temporary / CONFIG, temporary / WEIGHTS)  # safetensors lets its owner alone read it
        _check_written(temporary, target)
        replace_folder(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def free_place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the absolute path of the folder to make; raise if it holds anything but a spacrd model."""
    check_bools(overwrite=overwrite)
    target = Path(os.path.abspath(checked_path(path, "path", "the folder to make")))
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ValueError(f"{target} is not a folder. Name a new folder for the model.")
    if target == Path.cwd() or target == Path(target.anchor):
        raise ValueError(f"{target} is the folder you are in. Name a new folder for the model, in it or elsewhere.")
    names = sorted(item.name for item in target.iterdir()) if target.exists() else []
    if not names:
        return target
    if not overwrite:
        raise FileExistsError(f"{target} exists and is not empty. Pass overwrite=True or name another folder.")
    if others := [name for name in names if name not in FILES]:
        raise ValueError(
            f"{target} is not a spacrd model alone, so it is not overwritten: it holds {quote_names(others, 5)}. "
            "Name another folder."
        )
    try:
        is_model = {"format_version", "network"} <= set(read_json(target, CONFIG))
    except (OSError, ValueError, TypeError):
        is_model = False
    if not is_model:
        raise ValueError(f"{target} is not a spacrd model, so it is not overwritten. Name another folder.")
    return target


def _check_written(temporary: Path, target: Path) -> None:
    """Raise if the folder could not be loaded."""
    try:
        read_folder(temporary)
    except ValueError as error:
        raise ValueError(f"Nothing was saved: {str(error).replace(str(temporary), str(target))}") from None


def checksum(settings: Mapping[str, Any], history: list[dict[str, Any]], weights: Path) -> str:
    """Compute the SHA-256 of settings (without the checksum), history and weights file."""
    sealed = {name: value for name, value in settings.items() if name != CHECKSUM}
    digest = hashlib.sha256(json.dumps([sealed, history], sort_keys=True).encode())
    with weights.open("rb") as stream:
        digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _without_nan(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace losses that are not finite, which JSON cannot hold, by None."""
    return [
        {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in epoch.items()}
        for epoch in history
    ]


def read_folder(path: Path) -> tuple[ModelConfig, ModelParts, list[dict[str, Any]]]:
    """Read and check a folder; every tensor must have the name, shape and type the config asks for.

    If another process replaces the folder meanwhile, the new one is read.
    """
    for attempt in range(READINGS):
        before = _state(path)
        try:
            return _read(path)
        except (ValueError, OSError):
            if _state(path) == before:
                raise
        logger.info("%s was replaced while it was read, and is read again", path)
        time.sleep(0.02 * attempt)
    raise OSError(f"{path} is replaced again and again by another process. Load it when that has ended.")


def _state(path: Path) -> list[tuple[int, ...] | None]:
    """Return what changes when a folder or one of its files is replaced or written to."""
    state: list[tuple[int, ...] | None] = []
    for file in (path, *(path / name for name in FILES)):
        try:
            found = file.stat()
            state.append((found.st_ino, found.st_size, found.st_mtime_ns))
        except OSError:
            state.append(None)
    return state


@plain_torch()
def _read(path: Path) -> tuple[ModelConfig, ModelParts, list[dict[str, Any]]]:
    import torch

    settings, epochs = read_json(path, CONFIG), read_json(path, HISTORY)
    sealed = settings.pop(CHECKSUM, None) if isinstance(settings, dict) else None
    config = ModelConfig.from_dict(settings)
    parse(History, {"epochs": epochs}, str(path / HISTORY))
    with torch.device("meta"):  # shapes alone
        parts = ModelParts.empty(config)
    shapes = parts.shapes()
    check_size(shapes, path / CONFIG)
    tensors = read_weights(path, WEIGHTS, shapes)
    if sealed != checksum(settings, epochs, path / WEIGHTS):
        raise ValueError(
            f"{path}: {CONFIG}, {HISTORY} and {WEIGHTS} do not belong together, or were changed after they were saved. "
            f"{AGAIN}"
        )
    history = [{name: math.nan if v is None else v for name, v in epoch.items()} for epoch in epochs]
    return config, parts.load(tensors), history
