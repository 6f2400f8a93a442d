"""Weights of a model as safetensors."""

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
"""Bytes of weights: 8 GB."""
MAX_HEADER = 1 << 24
"""Bytes of the table of tensors that stands before them: 16 MB."""
POINTER = b"version https://git-lfs"
SPREADS = ("running_var", "image_spread")
"""Tensors that cannot be negative."""


def weights_id(tensors: Mapping[str, Tensor]) -> str:
    """Short name of a set of weights: the first 12 hex digits of their sha256."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()[:12]


def check_size(wanted: Mapping[str, Tensor], where: object) -> None:
    """Refuse a network too large to be one, before any of its weights is looked at."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in wanted.values())
    if size > MAX_WEIGHTS:
        raise ValueError(
            f"{where} asks for {size / 1e9:,.0f} GB of weights; at most {MAX_WEIGHTS / 1e9:.0f} GB are loaded."
        )


def read_weights(folder: Path, name: str, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file.

    Names, shapes and types are compared with ``wanted``, tensors without storage, before memory is taken.

    Raises
    ------
    ValueError
        If the file is damaged, does not fit, or holds weights that are no numbers.
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
            _check_header(stored, wanted, where)
            # Cloned into memory of the usual alignment, with which sums come out the same to the last bit.
            tensors = {key: stored.get_tensor(key).clone() for key in wanted}
    except SafetensorError as error:
        raise ValueError(f"{where} is damaged or cut short: {error}. {AGAIN}") from error
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{where}: {key!r} holds NaN or infinite weights.")
        if key.endswith(SPREADS) and (tensor < 0).any():
            raise ValueError(f"{where}: {key!r} holds a negative spread.")
    return tensors


def _check_header(stored: Any, wanted: Mapping[str, Tensor], where: Path) -> None:
    import torch

    kinds = {torch.float32: "F32", torch.int64: "I64"}
    held = set(stored.keys())
    if held != set(wanted):
        raise ValueError(
            f"{where} does not fit its config: missing {quote_names(sorted(set(wanted) - held), 3)}, "
            f"unknown {quote_names(sorted(held - set(wanted)), 3)}."
        )
    for key, tensor in wanted.items():
        part = stored.get_slice(key)
        if (shape := tuple(part.get_shape())) != tuple(tensor.shape):
            raise ValueError(f"{where}: {key!r} has shape {shape}, the config asks for {tuple(tensor.shape)}.")
        if (kind := part.get_dtype()) != kinds[tensor.dtype]:
            raise ValueError(f"{where}: {key!r} is {kind}, the config asks for {kinds[tensor.dtype]}.")
