"""Weights of encoders on the Hugging Face hub."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from .._hub import HUB_PREFIXES, accept_terms, answer, check_hash, reason, without_token
from ._spec import EncoderSpec

WEIGHTS = ("model.safetensors", "pytorch_model.safetensors", "pytorch_model.bin")
"""Names of weights files, in the order in which timm looks for them."""


def hub_repository(timm: Any, model: str) -> tuple[str, str | None]:
    """Return ``org/name`` on the hub of what timm would load, and its revision; empty if it comes from elsewhere."""
    for prefix in HUB_PREFIXES:
        if model.startswith(prefix):
            repository, _, revision = model.removeprefix(prefix).partition("@")
            return repository, revision or None
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    repository = getattr(config, "hf_hub_id", None) or ""
    return f"timm/{model}" if repository == "timm/" else repository, None


def check_access(spec: EncoderSpec, repository: str, revision: str | None) -> None:
    """Ask the hub once, before timm asks it many times over."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or os.environ.get("TIMM_USE_OLD_CACHE") == "1" or _cached(repository, revision):
        return
    url = huggingface_hub.hf_hub_url(repository, "config.json", revision=revision)
    ask = partial(huggingface_hub.get_hf_file_metadata, url, timeout=10)
    answer(ask, partial(hub_error, spec=spec, repository=repository))


def what_was_loaded(repository: str, revision: str | None) -> tuple[str, str]:
    """Return commit and SHA-256 of the weights in the hub's cache, compared with the hub's hash; empty without any.

    Raises
    ------
    ValueError
        If the file is not the one that the hub has.
    """
    file = _cached(repository, revision)
    # The cache names folders after commits, and files after the hub's hash.
    return (file.parent.name, check_hash(file, file.resolve().name)) if file else ("", "")


def _cached(repository: str, revision: str | None) -> Path | None:
    """Return the weights file in the hub's cache."""
    import huggingface_hub

    cached = (huggingface_hub.try_to_load_from_cache(repository, name, revision=revision) for name in WEIGHTS)
    return next((Path(file) for file in cached if isinstance(file, str)), None)


def hub_error(error: Exception, spec: EncoderSpec, repository: str) -> Exception:
    """Explain what the user can do about an error of the hub, without the token that may be in it."""
    elsewhere = "or pass weights='/path/to/file' (or a folder) that you have already."
    match reason(error, gated=spec.gated):
        case "gated":
            return PermissionError(f"The weights of {spec.name!r} are gated. {accept_terms(repository)}, {elsewhere}")
        case "unreachable":
            return ConnectionError(
                f"The weights of {spec.name!r} are not on this computer and the hub ({repository or spec.model}) "
                f"cannot be reached. Connect once to fetch them, {elsewhere}"
            )
        case "absent":
            return ValueError(
                f"The hub shows no model {repository or spec.model!r}: check the name; if it is private, "
                f"log in with `hf auth login`, {elsewhere}"
            )
    return ValueError(
        f"The encoder {spec.name!r} cannot be loaded from {repository or spec.model!r}: {without_token(error)}"
    )
