"""Download and upload models on the Hugging Face hub, only when the user asks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..._checks import check_bools, quote_names
from ..._hub import accept_terms, answer, check_hash, reason, without_token
from ..._settings import logger
from ._folder import CONFIG, FILES, HISTORY, WEIGHTS
from ._json import MAX_JSON
from ._weights import MAX_HEADER, MAX_WEIGHTS

LIMITS = {CONFIG: MAX_JSON, HISTORY: MAX_JSON, WEIGHTS: MAX_HEADER + MAX_WEIGHTS}


def download(repo_id: str, *, revision: str | None, token: str | None) -> tuple[Path, str]:
    """Download a model into the hub's cache.

    The list of files is checked first. Only the files of a model are downloaded, of one commit and of sensible size,
    and compared with the hashes of the hub. If the hub cannot be reached, the cache is used.

    Returns
    -------
    The folder and its commit.
    """
    from huggingface_hub import HfApi, snapshot_download

    fetch = partial(snapshot_download, repo_id, token=token, allow_patterns=list(FILES))
    explain = partial(_explained, repo_id=repo_id, revision=revision, token=token)
    look = partial(HfApi(token=token).model_info, repo_id, revision=revision, files_metadata=True, timeout=30)
    try:
        info = answer(look, explain)
    except OSError as error:
        try:
            folder = Path(answer(partial(fetch, revision=revision, local_files_only=True), explain))
        except OSError:
            raise error from None
        logger.info("%s is taken from the cache: %s", repo_id, error)
        return folder, folder.name
    files = {file.rfilename: file for file in info.siblings or ()}
    _check_listing(f"{repo_id} at {info.sha}", files)
    # By revision, under which the cache finds it without a network.
    folder = Path(answer(partial(fetch, revision=revision), explain))
    if folder.name != info.sha:
        raise OSError(f"{repo_id} on the hub changed while it was fetched. Load it again.")
    for name in set(FILES) & set(files):
        lfs = files[name].lfs
        check_hash(folder / name, (lfs.sha256 if lfs else files[name].blob_id) or "")
    logger.info("%s at revision %s; pass it as `revision` to get the same files again", repo_id, info.sha)
    return folder, folder.name


def _check_listing(where: str, files: dict[str, Any]) -> None:
    """Raise if the repository is not a spacrd model, before it is downloaded."""
    if missing := [name for name in LIMITS if name not in files]:
        raise FileNotFoundError(
            f"{where} on the hub is not a spacrd model: {quote_names(missing)} is missing, found "
            f"{quote_names(sorted(files), 10)}."
        )
    for name, limit in LIMITS.items():
        if (size := files[name].size or 0) > limit:
            raise ValueError(
                f"{where} on the hub: {name} has {size / 1e6:,.0f} MB, at most {limit / 1e6:,.0f} are read."
            )


def upload(
    save: Callable[[Path], None], repo_id: str, *, private: bool, token: str | None, card: str | None = None
) -> str:
    """Create the repository if needed and upload the folder, with ``card`` as its README.md if given."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    check_bools(private=private)
    _check_card(card)
    if not isinstance(repo_id, str):
        raise TypeError(f"repo_id must be text such as 'user/name', got {repo_id!r}.")
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"repo_id={repo_id!r} cannot name a model, which is 'user/name': {error}") from None
    api = HfApi(token=token)
    explain = partial(_explained, repo_id=repo_id, revision=None, token=token, writing=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save(folder)
        if card is not None:
            (folder / "README.md").write_text(card, encoding="utf-8")
        answer(partial(api.create_repo, repo_id, private=private, exist_ok=True), explain)
        return str(answer(partial(api.upload_folder, repo_id=repo_id, folder_path=folder), explain))


def _check_card(card: str | None) -> None:
    """Refuse what is not the text of a model card, such as the name of its file."""
    if card is None:
        return
    if not isinstance(card, str):
        raise TypeError(f"card must be the text of README.md, in Markdown, got {card!r} ({type(card).__name__}).")
    if not card.strip() or ("\n" not in card.strip() and card.strip().lower().endswith((".md", ".markdown", ".txt"))):
        raise ValueError(
            f"card={card!r} is no text of a model card. Pass what is in the file: card=Path('README.md').read_text()."
        )


def _explained(
    error: Exception, repo_id: str, revision: str | None, token: str | None, *, writing: bool = False
) -> OSError:
    """Explain an error of the hub and what to do about it."""
    at = f" at {without_token(revision, token)!r}" if revision else ""
    match reason(error):
        case "gated" if writing:
            return PermissionError(f"The model cannot be pushed: {repo_id!r} is gated. {accept_terms(repo_id)}.")
        case "unreachable" if writing:
            return ConnectionError(
                f"The model cannot be pushed to {repo_id!r}: the hub cannot be reached. Check the network and "
                "HF_HUB_OFFLINE."
            )
        case "gated":
            return PermissionError(f"The model {repo_id!r} is gated. {accept_terms(repo_id)}.")
        case "unreachable":
            return ConnectionError(
                f"There is no local folder {repo_id!r}, and the hub cannot be reached. Check the path, or the network "
                "and HF_HUB_OFFLINE."
            )
        case "absent" if not writing:
            return FileNotFoundError(
                f"There is neither a local folder nor a model on the hub called {repo_id!r}{at}. A private model needs "
                "a token: `hf auth login`."
            )
    message = without_token(error, token)
    refused = f"The hub refused {repo_id!r}{at}: {type(error).__name__}: {message}."
    if writing:
        return OSError(f"The model cannot be pushed. {refused} Log in with a token that may write: `hf auth login`.")
    return OSError(f"{refused} Try again later.")
