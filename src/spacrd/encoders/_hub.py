"""Access to weights on the Hugging Face hub, and what a user can do where there is none."""

from __future__ import annotations

import os
from typing import Any

from ._spec import EncoderSpec


def hub_repository(timm: Any, model: str) -> str:
    """``org/name`` on the hub of what timm would load; empty if it comes from elsewhere."""
    for prefix in ("hf-hub:", "hf_hub:"):
        if model.startswith(prefix):
            return model.removeprefix(prefix).split("@")[0]
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    repository = getattr(config, "hf_hub_id", None) or ""
    return f"timm/{model}" if repository == "timm/" else repository


def check_access(spec: EncoderSpec, repository: str) -> None:
    """Ask the hub once, before timm asks it many times over."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or os.environ.get("TIMM_USE_OLD_CACHE") == "1":
        return
    cached = any(
        isinstance(huggingface_hub.try_to_load_from_cache(repository, name), str)
        for name in ("model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
    )
    if cached:
        return
    url = huggingface_hub.hf_hub_url(repository, "config.json")
    try:
        huggingface_hub.get_hf_file_metadata(url, timeout=10)
    except Exception as error:
        raise hub_error(error, spec, repository) from error


def hub_error(error: Exception, spec: EncoderSpec, repository: str) -> Exception:
    """What the user can do about an error of the hub."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    elsewhere = "or pass weights='/path/to/file' (or a folder) that you have already."
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    status = {getattr(getattr(link, "response", None), "status_code", None) for link in chain}
    gated = any(isinstance(link, GatedRepoError) for link in chain) or (spec.gated and status & {401, 403})
    if gated:
        return PermissionError(
            f"The weights of {spec.name!r} are gated. Accept the terms at https://huggingface.co/{repository} and "
            f"log in with `hf auth login` (or set HF_TOKEN), {elsewhere}"
        )
    offline = (OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError, TimeoutError)
    if any(
        isinstance(link, offline) or type(link).__module__.startswith(("httpx", "requests")) for link in chain
    ) and not (any(isinstance(link, HfHubHTTPError) for link in chain)):
        return ConnectionError(
            f"The weights of {spec.name!r} are not on this computer and the hub ({repository or spec.model}) cannot be "
            f"reached. Connect once to fetch them, {elsewhere}"
        )
    if any(isinstance(link, RepositoryNotFoundError | EntryNotFoundError) for link in chain):
        return ValueError(
            f"The hub shows no model {repository or spec.model!r}: check the name; if it is private, "
            f"log in with `hf auth login`, {elsewhere}"
        )
    return ValueError(f"The encoder {spec.name!r} cannot be loaded from {repository or spec.model!r}: {error}")
