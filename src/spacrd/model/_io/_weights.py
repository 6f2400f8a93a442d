"""Read the weights of a model from safetensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._checks import quote_names
from ._json import AGAIN, plain_file

if TYPE_CHECKING:
    from torch import Tensor

MAX_WEIGHTS = 1 << 33
"""Largest size of the weights in bytes: 8 GB."""
MAX_HEADER = 1 << 24
"""Largest size of the header, which lists the tensors, in bytes: 16 MB."""
POINTER = b"version https://git-lfs"
SPREADS = ("running_var", "image_spread", "variance", "ridge")
"""Tensors that cannot be negative."""


def weights_id(tensors: Mapping[str, Tensor]) -> str:
    """Name a set of weights by the first 12 hex digits of its SHA-256."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()[:12]


def check_size(shapes: Mapping[str, Tensor], where: object) -> None:
    """Raise ValueError if the weights would be too large, before any is read."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in shapes.values())
    if size > MAX_WEIGHTS:
        raise ValueError(
            f"{where} asks for {size / 1e9:,.0f} GB of weights; at most {MAX_WEIGHTS / 1e9:.0f} GB are loaded."
        )


def read_weights(folder: Path, name: str, shapes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the tensors of a file.

    Names, shapes and types are compared with ``shapes``, tensors without storage, before memory is allocated.

    Raises
    ------
    ValueError
        If the file is damaged, does not fit, or holds weights that are not finite.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    file = plain_file(folder, name, MAX_WEIGHTS + MAX_HEADER)
    where = folder / name
    with file.open("rb") as stream:
        start = stream.read(len(POINTER))
    if start == POINTER:
        raise ValueError(f"{where} is a pointer of Git LFS to the weights. Fetch them: `git lfs pull`.")
    if (header := int.from_bytes(start[:8], "little")) > MAX_HEADER:
        raise ValueError(f"{where} is damaged or cut short: a header of {header} bytes. {AGAIN}")
    try:
        with safe_open(file, framework="pt") as stored:
            _check_header(stored, shapes, where)
            # Cloned for the alignment of memory, on which the last bit of sums depends.
            tensors = {key: stored.get_tensor(key).clone() for key in shapes}
    except SafetensorError as error:
        raise ValueError(f"{where} is damaged or cut short: {error}. {AGAIN}") from error
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{where}: {key!r} holds NaN or infinite weights.")
        if key.endswith(SPREADS) and (tensor < 0).any():
            raise ValueError(f"{where}: {key!r} holds a negative spread.")
    return tensors


def _check_header(stored: Any, shapes: Mapping[str, Tensor], where: Path) -> None:
    import torch

    kinds = {torch.float32: "F32", torch.int64: "I64"}
    names = set(stored.keys())
    if names != set(shapes):
        raise ValueError(
            f"{where} does not fit its config: missing {quote_names(sorted(set(shapes) - names), 3)}, "
            f"unknown {quote_names(sorted(names - set(shapes)), 3)}."
        )
    for key, tensor in shapes.items():
        stored_slice = stored.get_slice(key)
        if (shape := tuple(stored_slice.get_shape())) != tuple(tensor.shape):
            raise ValueError(f"{where}: {key!r} has shape {shape}, the config asks for {tuple(tensor.shape)}.")
        if (kind := stored_slice.get_dtype()) != kinds[tensor.dtype]:
            raise ValueError(f"{where}: {key!r} is {kind}, the config asks for {kinds[tensor.dtype]}.")
