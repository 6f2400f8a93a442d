"""Models on the Hugging Face hub; called only when the user asks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._model import SpaCRD


def download(repo_id: str, *, revision: str | None, token: str | None) -> Path:
    """Fetch the model's files into the hub cache and return their folder."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(
            snapshot_download(
                repo_id,
                revision=revision,
                token=token,
                allow_patterns=["config.json", "model.safetensors", "history.json", "README.md"],
            )
        )
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"There is neither a local folder nor a model on the hub called {repo_id!r}. "
            "A private model needs a token: `hf auth login`."
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            f"There is no local folder {repo_id!r}, and the hub could not be asked for it ({type(error).__name__}). "
            "Check the path, or the network and HF_HUB_OFFLINE."
        ) from error


def upload(model: SpaCRD, repo_id: str, *, private: bool, token: str | None) -> str:
    """Create the repository if need be and upload one folder."""
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    api.create_repo(repo_id, private=private, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return str(api.upload_folder(repo_id=repo_id, folder_path=Path(folder) / "model"))
