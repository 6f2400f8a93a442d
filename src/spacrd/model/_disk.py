"""A model as a folder: config.json, model.safetensors, history.json and a model card. Nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import names
from ._card import model_card
from ._config import ModelConfig
from ._modules import build_modules

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

CONFIG, WEIGHTS, HISTORY, CARD = "config.json", "model.safetensors", "history.json", "README.md"


def flatten(modules: Mapping[str, Module]) -> dict[str, Tensor]:
    """Tensors of all modules under ``"<module>.<name>"``."""
    return {
        f"{where}.{name}": tensor.detach().cpu().contiguous()
        for where, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Short name of a set of weights: the first 12 hex digits of their sha256."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()[:12]


def write_folder(
    path: str | os.PathLike[str],
    config: ModelConfig,
    modules: Mapping[str, Module],
    history: list[dict[str, Any]],
    *,
    overwrite: bool,
) -> None:
    """Write the folder beside its place first, then move it there: an interrupted save leaves the old state."""
    from safetensors.torch import save_file

    target = Path(path)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ValueError(f"{target} is not a folder. Name a new folder for the model.")
    if target.exists() and any(target.iterdir()):
        if not overwrite:
            raise FileExistsError(f"{target} exists and is not empty. Pass overwrite=True or name another folder.")
        if not (target / CONFIG).is_file() or not (target / WEIGHTS).is_file():
            raise ValueError(f"{target} is not a spacrd model, so it is not overwritten. Name another folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        tensors = flatten(modules)
        save_file(tensors, made / WEIGHTS)
        (made / CONFIG).write_text(json.dumps(config.to_dict(), indent=1) + "\n", encoding="utf-8")
        (made / HISTORY).write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
        (made / CARD).write_text(model_card(config, fingerprint(tensors)), encoding="utf-8")
        made.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            target.replace(old / "old")
            made.replace(target)
            shutil.rmtree(old)
        else:
            made.replace(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}. Copy the model folder again.") from error


def read_folder(path: Path) -> tuple[ModelConfig, dict[str, Module], list[dict[str, Any]]]:
    """Read and check a folder; every tensor must have the name, shape and type the config asks for."""
    import torch
    from safetensors import SafetensorError, safe_open

    missing = [name for name in (CONFIG, WEIGHTS) if not (path / name).is_file()]
    if missing:
        found = names(sorted(item.name for item in path.iterdir()))
        raise FileNotFoundError(f"{path} is not a spacrd model: {names(missing)} is missing, found {found}.")
    config = ModelConfig.from_dict(_read_json(path / CONFIG))
    history = _read_json(path / HISTORY) if (path / HISTORY).is_file() else []
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise ValueError(f"{path / HISTORY} is damaged: it must hold a list of epochs. Copy the model folder again.")
    try:
        with torch.device("meta"):
            modules = build_modules(config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path / CONFIG} describes a network that cannot be built: {error}.") from error
    wanted = {
        f"{where}.{name}": tensor for where, module in modules.items() for name, tensor in module.state_dict().items()
    }
    try:
        with safe_open(path / WEIGHTS, framework="pt") as stored:
            held = set(stored.keys())
            if held != set(wanted):
                raise ValueError(
                    f"{path / WEIGHTS} does not fit its config: missing {names(sorted(set(wanted) - held), 3)}, "
                    f"unknown {names(sorted(held - set(wanted)), 3)}."
                )
            for name, tensor in wanted.items():
                shape = tuple(stored.get_slice(name).get_shape())
                if shape != tuple(tensor.shape):
                    raise ValueError(
                        f"{path / WEIGHTS}: {name!r} has shape {shape}, the config asks for {tuple(tensor.shape)}."
                    )
            # Cloned into memory of the usual alignment, with which sums come out the same to the last bit.
            tensors = {name: stored.get_tensor(name).clone() for name in wanted}
    except SafetensorError as error:
        raise ValueError(f"{path / WEIGHTS} is damaged or cut short: {error}. Copy the model folder again.") from error
    for name, tensor in wanted.items():
        if tensors[name].dtype != tensor.dtype:
            raise ValueError(f"{path / WEIGHTS}: {name!r} is {tensors[name].dtype}, expected {tensor.dtype}.")
        if tensors[name].is_floating_point() and not torch.isfinite(tensors[name]).all():
            raise ValueError(f"{path / WEIGHTS}: {name!r} holds NaN or infinite weights.")
    for where, module in modules.items():
        own = {name: tensors[f"{where}.{name}"] for name in module.state_dict()}
        module.load_state_dict(own, strict=True, assign=True)
        module.eval()
    return config, modules, history
