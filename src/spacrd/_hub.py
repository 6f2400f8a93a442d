"""Requests to the Hugging Face hub: names, errors told without the token, hashes of files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")
Reason = Literal["gated", "unreachable", "absent", "other"]

HUB_PREFIX = "hf-hub:"
"""In front of a repository of the hub, where a name may be that of something else."""
HUB_PREFIXES = (HUB_PREFIX, "hf_hub:")
"""All spellings that timm takes."""


def accept_terms(repository: str) -> str:
    """Say how to get at a gated repository, as a sentence without its full stop."""
    return f"Accept the terms at https://huggingface.co/{repository} and log in with `hf auth login` (or set HF_TOKEN)"


def reason(error: BaseException, *, gated: bool = False) -> Reason:
    """Tell why a request failed, as far as the error and those behind it tell.

    ``"gated"``: not without a login and accepted terms; ``"unreachable"``: offline, or no connection; ``"absent"``: no
    such repository, revision or file, or not for this user. With ``gated``, a known property of the repository, the
    hub's refusal alone says enough.
    """
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    status = {getattr(getattr(link, "response", None), "status_code", None) for link in chain}
    if any_is(GatedRepoError) or (gated and status & {401, 403}):
        return "gated"
    client = any(type(link).__module__.startswith(("httpx", "requests")) for link in chain)
    offline = any_is(OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError, TimeoutError)
    # Before version 1 of the client, an entry that is not on this computer is an answer of the hub by its class.
    answered = any(isinstance(link, HfHubHTTPError) and not isinstance(link, LocalEntryNotFoundError) for link in chain)
    if (client or offline) and not answered:
        return "unreachable"
    if any_is(RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError):
        return "absent"
    return "other"


def answer(ask: Callable[[], T], explain: Callable[[Exception], Exception]) -> T:
    """Return what the hub's client answers, and raise its error only as ``explain`` tells it.

    That is raised where the client's error is no longer being handled, or a traceback would show its text, token and
    all.
    """
    try:
        return ask()
    except Exception as error:
        wrong = explain(error)
    raise wrong


def without_token(text: object, token: str | None = None) -> str:
    """Return the first line of a text, at most 300 characters, with access tokens taken out."""
    import huggingface_hub

    secrets = (token, os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN"), huggingface_hub.get_token())
    shown = next(iter(str(text).strip().splitlines()), "")
    for secret in filter(None, secrets):
        shown = shown.replace(secret, "<token>")
    return re.sub(r"hf_\w{4,}|(?i:bearer)\s+\S+", "<token>", shown)[:300]


def check_hash(file: Path, expected: str) -> str:
    """Compare a file with what the hub says it is, and return its SHA-256.

    Parameters
    ----------
    file
        A downloaded file.
    expected
        64 hex digits of SHA-256, 40 of git's SHA-1; anything else is not compared.

    Raises
    ------
    ValueError
        If the file is another one.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        digest_found = sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if re.fullmatch(r"[0-9a-f]{40}", expected):
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        digest_found = digest.hexdigest()
    elif not re.fullmatch(r"[0-9a-f]{64}", expected):
        return sha256
    if digest_found != expected:
        raise ValueError(
            f"{file} is not the file that the hub has (hash {digest_found[:12]}, expected {expected[:12]}): it was "
            "damaged on the way or in the cache. Delete it and load again."
        )
    return sha256
