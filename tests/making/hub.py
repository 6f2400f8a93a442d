"""A hub that answers from memory, to the hub's own client: no network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

TOKEN = "hf_" + "NotForAnyEye" * 3
COMMIT = "0123456789abcdef" * 2 + "01234567"
OLDER = "fedcba98" * 5


class FakeHub:
    """Repositories by name, each a dictionary of files.

    Attributes
    ----------
    files
        What is held: repository to file name to content, at ``COMMIT``.
    older
        What was held at ``OLDER``, which also has the tag ``v1``.
    requests
        What was asked for: method and path.
    tokens
        Tokens that came with the requests.
    status, body
        Answer to every request, if ``status`` is set.
    error
        Raised on every request, if it is set.
    unreachable
        What the client raises without a connection.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.older: dict[str, dict[str, bytes]] = {}
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.status = 0
        self.body = ""
        self.headers: dict[str, str] = {}
        self.error: Exception | None = None
        self.unreachable: Exception = ConnectionError("no route")

    def entry(self, name: str, content: bytes) -> dict[str, Any]:
        """A file as the hub lists it: large ones by SHA-256, others by their hash in git.

        In git a large file is a pointer, so its hash there is not that of the file.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        large = name.endswith(".safetensors")
        stored = f"version 1\noid sha256:{sha256}\nsize {len(content)}\n".encode() if large else content
        blob = hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()
        listed: dict[str, Any] = {"size": len(content), "blobId": blob, "oid": blob}
        if large:
            listed["lfs"] = {"sha256": sha256, "oid": sha256, "size": len(content), "pointerSize": 130}
        return listed

    def at(self, repository: str, revision: str) -> tuple[str, dict[str, bytes] | None]:
        """Commit and files of a branch, a tag or a commit."""
        if revision in ("v1", OLDER):
            return OLDER, self.older.get(repository)
        return COMMIT, self.files.get(repository) if revision in ("main", COMMIT) else None

    def answer(self, http: Any, request: Any) -> Any:
        path = request.url.path
        self.requests.append(f"{request.method} {path}")
        self.tokens.add(request.headers.get("authorization", ""))
        if self.error is not None:
            raise self.error
        if self.status:
            return http.Response(self.status, text=self.body, headers=self.headers)
        repository = "/".join(path.removeprefix("/api/models").strip("/").split("/")[:2])
        if repository not in self.files:
            return http.Response(404, headers={"x-error-code": "RepoNotFound"})
        asked = re.search("/(?:revision|tree|resolve)/([^/]+)", path)
        commit, files = self.at(repository, asked[1] if asked else "main")
        if files is None:
            return http.Response(404, headers={"x-error-code": "RevisionNotFound"})
        if "/tree/" in path:
            return http.Response(200, json=[{"type": "file", "path": n, **self.entry(n, c)} for n, c in files.items()])
        if path.startswith("/api/models"):
            told = "blobs" in request.url.params  # sizes and hashes come when they are asked for
            siblings = [{"rfilename": n, **(self.entry(n, c) if told else {})} for n, c in files.items()]
            return http.Response(200, json={"id": repository, "sha": commit, "siblings": siblings})
        name = path.split("/resolve/")[1].split("/", 1)[1]
        if name not in files:
            return http.Response(404, headers={"x-error-code": "EntryNotFound"})
        content, listed = files[name], self.entry(name, files[name])
        etag = listed["lfs"]["sha256"] if "lfs" in listed else listed["oid"]
        headers = {"etag": f'"{etag}"', "x-repo-commit": commit, "content-length": str(len(content))}
        return http.Response(200, headers=headers, content=b"" if request.method == "HEAD" else content)


@contextmanager
def fake_hub(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[FakeHub]:
    """Let the hub's own client reach a :class:`FakeHub`, with a login and files kept in ``cache``."""
    factory = getattr(huggingface_hub, "set_client_factory", None)
    if factory is None:
        pytest.skip("this version of huggingface_hub takes no other transport")
    made_by = import_module("huggingface_hub.utils._http").default_client_factory
    http = import_module(made_by().__class__.__module__.split(".")[0])
    fake = FakeHub()
    fake.unreachable = http.ConnectError("no route")
    transport = http.MockTransport(lambda request: fake.answer(http, request))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def client() -> Any:
        made = made_by()  # with all that the hub's client does before it sends
        made._transport = transport
        return made

    factory(client)
    try:
        yield fake
    finally:
        factory(made_by)


def shown(error: BaseException, captured: Any, *logged: str) -> str:
    """Everything that a user may see of an error."""
    import traceback

    chain, told = error, []
    while chain is not None:
        told += traceback.format_exception(chain) + [repr(chain), json.dumps(str(chain))]
        chain = chain.__cause__ or chain.__context__
    return "\n".join([*told, captured.out, captured.err, *logged])
