"""One loader for every encoder of timm: hub id, local folder or weights file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._hardware import FULL_PRECISION
from .._hub import HUB_PREFIX, HUB_PREFIXES, answer
from .._settings import logger, settings
from .._torch_mode import plain_torch
from .._torchvision import import_torchvision
from ._hub_weights import check_access, hub_error, hub_repository, what_was_loaded
from ._memory import Halving
from ._spec import ENCODER_PRECISIONS, LOCAL_PREFIX, Encoder, EncoderSpec

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
WEIGHT_ENDINGS = (".safetensors", ".bin", ".pth", ".pt")


def import_timm() -> Any:
    """Import timm, also where the compiled part of torchvision does not match torch."""
    import_torchvision()
    import timm

    return timm


def is_timm_model(name: str) -> bool:
    """Tell whether timm has an architecture of this name."""
    return bool(import_timm().is_model(name.split(".")[0]))


@plain_torch()
def load_timm(
    spec: EncoderSpec, *, weights: str | Path | bool | None, device: str | None, precision: str = FULL_PRECISION
) -> Encoder:
    """Create the model, fill it, and put it on the device; see :func:`spacrd.encoders.load`."""
    if weights is True or not isinstance(weights, str | Path | bool | None):
        raise TypeError(f"weights must be a path, False or None, got {weights!r}.")
    target = settings.resolve_device(device)
    timm = import_timm()
    sha256 = ""
    if weights is False:
        model, source = _untrained(timm, spec), "untrained"
        logger.warning("Encoder %r is untrained: its embeddings are a floor to compare with.", spec.name)
    elif weights is not None:
        file = _weights_file(Path(weights))
        model, source, sha256 = _from_file(timm, spec, file), file.name, _sha256(file)
    elif spec.model.startswith(LOCAL_PREFIX):
        folder = Path(spec.model.removeprefix(LOCAL_PREFIX))
        file = _weights_file(folder)
        model, source, sha256 = _from_folder(timm, spec, folder, file), file.name, _sha256(file)
    else:
        model, commit, sha256 = _from_hub(timm, spec)
        spec, source = dataclasses.replace(spec, revision=commit or spec.revision), spec.model
    model = model.eval().requires_grad_(False).to(target)
    spec = _complete(timm, spec, model)
    encode = Halving(functools.partial(_encode, model, spec, target, precision), spec.name)
    return Encoder(spec, encode, source, sha256, precision)


def _arguments(spec: EncoderSpec, *, architecture: bool) -> dict[str, Any]:
    """Return the arguments of ``timm.create_model``, with layers looked up by name."""
    arguments = {**spec.model_kwargs, **(spec.architecture_kwargs if architecture else {})}
    for name in ("mlp_layer", "act_layer"):
        if isinstance(arguments.get(name), str):
            module, _, attribute = arguments[name].rpartition(".")
            arguments[name] = getattr(importlib.import_module(module), attribute)
    return {**arguments, "num_classes": 0} if architecture else arguments


def _untrained(timm: Any, spec: EncoderSpec) -> Any:
    import torch

    if not spec.architecture:
        raise ValueError(f"weights=False needs an architecture of timm, and {spec.name!r} does not name one.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(spec.architecture, pretrained=False, **_arguments(spec, architecture=True))


def _weights_file(path: Path) -> Path:
    path = path.expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"There are no weights at {str(path)!r}: no such file or folder.")
    files = sorted(file for file in path.iterdir() if file.suffix in WEIGHT_ENDINGS)
    chosen = next((path / name for name in WEIGHT_FILES if (path / name).is_file()), None)
    if chosen is None and len(files) == 1:
        chosen = files[0]
    if chosen is None:
        names = ", ".join(file.name for file in files) or "none"
        raise FileNotFoundError(
            f"Folder {str(path)!r} holds no single weights file. Weights files in it: {names}. "
            f"Expected one of {', '.join(WEIGHT_FILES)}, or pass the file itself."
        )
    return chosen


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_state(file: Path) -> dict[str, Any]:
    """Read the tensors of a weights file; nothing in it is executed."""
    import torch

    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # Each format has its own exceptions for a damaged file, down to EOFError and zipfile errors.
        raise ValueError(
            f"The weights file {str(file)!r} cannot be read: it is damaged, cut off or not a weights file "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'empty'}). Fetch it again."
        ) from error
    for key in ("state_dict", "model", "teacher"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"The weights file {str(file)!r} does not hold the tensors of a model.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _fill(model: Any, spec: EncoderSpec, file: Path) -> Any:
    """Load a weights file into a model, strictly.

    timm is lenient when the classifier is left out: missing layers would keep their random values.
    """
    state = _read_state(file)
    heads = model.pretrained_cfg.get("classifier") or ("head", "head.fc", "fc", "classifier")
    heads = {heads} if isinstance(heads, str) else set(heads)
    expected = set(model.state_dict())
    translate = getattr(importlib.import_module(type(model).__module__), "checkpoint_filter_fn", None)

    def load(values: dict[str, Any]) -> None:
        without_head = {
            key: value for key, value in values.items() if key in expected or key.rpartition(".")[0] not in heads
        }
        model.load_state_dict(without_head, strict=True)

    try:
        load(state)
    except RuntimeError as error:
        try:
            if translate is None:
                raise
            # Published in another layout, which timm knows how to translate.
            load(translate(dict(state), model))
        except Exception:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"The weights in {str(file)!r} do not fit the encoder {spec.name!r}: {reason[:400]}"
            ) from error
    return model


def _from_file(timm: Any, spec: EncoderSpec, file: Path) -> Any:
    if not spec.architecture:
        raise ValueError(
            f"weights= needs an encoder whose architecture is known, and {spec.name!r} does not name one. "
            "Use 'local-dir:/path' with its config.json, or a model name of timm."
        )
    model = timm.create_model(spec.architecture, pretrained=False, **_arguments(spec, architecture=True))
    return _fill(model, spec, file)


def _from_folder(timm: Any, spec: EncoderSpec, folder: Path, file: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{spec.name!r} needs a config.json beside its weights; {str(folder)!r} has none.")
    try:
        model = timm.create_model(f"{LOCAL_PREFIX}{folder}", pretrained=False, num_classes=0)
    except Exception as error:
        raise ValueError(f"The model that {str(folder / 'config.json')!r} describes cannot be made: {error}") from error
    return _fill(model, spec, file)


def _from_hub(timm: Any, spec: EncoderSpec) -> tuple[Any, str, str]:
    """Load the model; return it with its commit and the SHA-256 of its weights."""
    repository, revision = hub_repository(timm, spec.model)
    revision = revision or spec.revision or None
    if repository:
        check_access(spec, repository, revision)
    full_name = f"{repository}@{revision}" if revision else repository
    name, overlay = spec.model, {"hf_hub_id": full_name} if revision else {}
    if name.startswith(HUB_PREFIXES):
        # A repository may name a file of its own, which earlier versions of timm unpickle.
        name, overlay = f"{HUB_PREFIX}{full_name}", {"hf_hub_filename": ""}
    create = functools.partial(
        timm.create_model,
        name,
        pretrained=True,
        pretrained_cfg_overlay=overlay,
        **_arguments(spec, architecture=False),
    )
    model = answer(create, functools.partial(hub_error, spec=spec, repository=repository))
    commit, sha256 = what_was_loaded(repository, revision) if repository else ("", "")
    # Only now: without a classifier from the start, timm would not insist that every layer is in the file.
    if spec.pooling == "model" and model.num_classes:
        model.reset_classifier(0)
    return model, commit, sha256


def _complete(timm: Any, spec: EncoderSpec, model: Any) -> EncoderSpec:
    """Fill in what only the model knows, and check what the catalogue claims."""
    # Some networks widen their features after pooling (MobileNetV3): what comes out is the head's width.
    width = int(getattr(model, "head_hidden_size", model.num_features))
    dim = width * (2 if spec.pooling == "cls+mean" else 1)
    if spec.dim and dim != spec.dim:
        raise ValueError(f"Encoder {spec.name!r} gives {dim} values per patch, not {spec.dim}: it is another model.")
    if spec.size:
        return spec
    config = timm.data.resolve_model_data_config(model)
    height, width = config["input_size"][1:]
    if height != width:
        raise ValueError(f"Encoder {spec.name!r} wants images of {width} x {height} px; only squares are cut.")
    mean, std = tuple(map(float, config["mean"])), tuple(map(float, config["std"]))
    return dataclasses.replace(spec, dim=dim, size=int(height), mean=mean, std=std)


@plain_torch()
def _encode(
    model: Callable[..., Any], spec: EncoderSpec, device: str, precision: str, patches: np.ndarray
) -> np.ndarray:
    import torch

    kind = torch.device(device).type
    with (
        torch.inference_mode(),
        torch.autocast(kind, getattr(torch, ENCODER_PRECISIONS[precision]), precision != FULL_PRECISION),
    ):
        pixels = torch.from_numpy(np.ascontiguousarray(patches)).to(device).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
        tokens = model((pixels - mean) / std)
        if spec.pooling == "cls+mean":
            first = int(model.num_prefix_tokens)  # type: ignore[attr-defined]
            tokens = torch.cat([tokens[:, 0], tokens[:, first:].mean(dim=1)], dim=-1)
        return np.asarray(tokens.float().cpu().numpy(), dtype=np.float32)
