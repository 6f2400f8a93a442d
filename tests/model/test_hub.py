"""Models on the hub: one commit, checked files, no token in any message, and the cache without a network."""

from __future__ import annotations

import logging
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

import spacrd
from spacrd._hub import check_hash
from spacrd.model import SpaCRD
from spacrd.model._io._folder import CARD, CONFIG, FILES, WEIGHTS
from tests.making.hub import COMMIT, OLDER, TOKEN, FakeHub, shown


@pytest.fixture
def shared(hub: FakeHub, saved: Path) -> FakeHub:
    hub.files["lab/model"] = {name: (saved / name).read_bytes() for name in FILES}
    hub.files["lab/model"] |= {"setup.py": b"raise SystemExit", "pytorch_model.bin": b"pickle"}
    return hub


def test_a_commit_is_pinned_recorded_and_taken_from_the_cache(shared, model, section, caplog):
    caplog.set_level(logging.INFO, logger="spacrd")
    loaded = SpaCRD.load("lab/model")
    assert loaded.id == model.id
    assert loaded.source == f"lab/model@{COMMIT}"
    assert f"from lab/model@{COMMIT}" in repr(loaded)
    assert f"at revision {COMMIT}" in caplog.text
    # Files are asked for by commit, and no others than those of a model.
    fetched = {request.rsplit("/", 1)[1] for request in shared.requests if "/resolve/" in request}
    assert fetched == set(FILES)
    assert all(COMMIT in request for request in shared.requests if "/resolve/" in request)
    assert any(TOKEN in token for token in shared.tokens)  # the token did travel
    shared.requests.clear()
    assert SpaCRD.load("lab/model", revision=COMMIT).source == loaded.source
    assert not [request for request in shared.requests if request.startswith("GET /lab")]
    assert TOKEN not in caplog.text


@pytest.fixture
def twice(shared, saved) -> FakeHub:
    """The repository, and another model in it of before."""
    shared.older["lab/model"] = {name: (saved / name).read_bytes() for name in FILES} | {CARD: b"of before"}
    return shared


def card(loaded: SpaCRD) -> bytes:
    commit = loaded.source.rsplit("@", 1)[1]
    return Path(huggingface_hub.try_to_load_from_cache("lab/model", CARD, revision=commit)).read_bytes()


@pytest.mark.parametrize("revision", ["v1", OLDER])
def test_what_a_revision_held_is_loaded_whatever_came_after(twice, revision):
    assert card(SpaCRD.load("lab/model")) != b"of before"
    loaded = SpaCRD.load("lab/model", revision=revision)
    assert loaded.source == f"lab/model@{OLDER}"
    assert card(loaded) == b"of before"
    # Without the hub a tag is still the commit it was.
    twice.error = twice.unreachable
    assert SpaCRD.load("lab/model", revision=revision).source == f"lab/model@{OLDER}"
    assert SpaCRD.load("lab/model").source == f"lab/model@{COMMIT}"


def test_without_the_hub_nothing_is_asked_after_the_first_refusal(shared):
    SpaCRD.load("lab/model")
    shared.requests.clear()
    shared.status = 500
    SpaCRD.load("lab/model")
    assert shared.requests == ["GET /api/models/lab/model"]


def test_a_token_that_is_given_goes_with_every_request(shared):
    SpaCRD.load("lab/model", token="given-by-hand")
    assert shared.tokens == {"Bearer given-by-hand"}


@pytest.mark.parametrize("name", ["a/b/c", "./a", "../a", "a\\b/c", "a", "/a/b", "a/"])
def test_the_hub_is_asked_for_names_of_the_hub_alone(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no such folder lies beside
    with pytest.raises(FileNotFoundError, match="no model folder"):
        SpaCRD.load(name)
    assert not hub.requests


def test_the_source_is_recorded_with_the_scores(shared, monkeypatch):
    from ..data.models.make import HERE, read_section

    shared.files["lab/golden"] = {path.name: path.read_bytes() for path in (HERE / "v1" / "published").iterdir()}
    table = read_section(HERE / "v1" / "section.csv")
    spacrd.tl.score(table, SpaCRD.load("lab/golden"))
    assert table.uns["spacrd"]["spacrd"]["model_source"] == f"lab/golden@{COMMIT}"
    spacrd.tl.score(table, SpaCRD.load(HERE / "v1" / "published"))
    assert table.uns["spacrd"]["spacrd"]["model_source"] == ""


def test_offline_takes_the_cache_and_asks_nobody(shared, model, monkeypatch):
    SpaCRD.load("lab/model")
    shared.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    loaded = SpaCRD.load("lab/model")
    assert (loaded.id, loaded.source) == (model.id, f"lab/model@{COMMIT}")
    with pytest.raises(ConnectionError, match="no local folder 'lab/other'.*HF_HUB_OFFLINE"):
        SpaCRD.load("lab/other")
    assert not shared.requests


def test_without_a_connection_the_cache_is_taken_or_it_is_said(shared, model):
    SpaCRD.load("lab/model")
    shared.error = shared.unreachable
    assert SpaCRD.load("lab/model").id == model.id
    with pytest.raises(ConnectionError, match="cannot be reached"):
        SpaCRD.load("lab/other")


def test_files_of_the_cache_that_were_changed_are_refused(shared, saved):
    SpaCRD.load("lab/model")
    file = Path(huggingface_hub.try_to_load_from_cache("lab/model", CONFIG)).resolve()
    file.write_bytes(file.read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    with pytest.raises(ValueError, match="not the file that the hub has.*Delete it"):
        SpaCRD.load("lab/model")
    file.write_bytes((saved / CONFIG).read_bytes())
    file = Path(huggingface_hub.try_to_load_from_cache("lab/model", WEIGHTS)).resolve()
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ValueError, match="not the file that the hub has"):
        SpaCRD.load("lab/model")


def test_a_repository_that_changes_meanwhile_is_not_mixed(shared, saved, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(saved))
    with pytest.raises(OSError, match="changed while it was fetched"):
        SpaCRD.load("lab/model")


def test_what_the_hub_gives_no_hash_of_is_hashed_all_the_same(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    assert check_hash(tmp_path / "a", 'W/"tag"').startswith("ca978112")
    assert check_hash(tmp_path / "a", "2e65efe2a145dda7ee51d1741299f848e5bf752e").startswith("ca978112")  # git's


def test_other_models_and_absurd_sizes_are_refused_unfetched(shared, monkeypatch):
    with pytest.raises(FileNotFoundError, match="on the hub called 'lab/none'. A private"):
        SpaCRD.load("lab/none")
    shared.files["lab/bert"] = {CONFIG: b"{}", WEIGHTS: b"weights", "tokenizer.json": b"{}"}
    with pytest.raises(
        FileNotFoundError, match=rf"lab/bert at {COMMIT} .* not a spacrd model: 'history\.json' is missing"
    ):
        SpaCRD.load("lab/bert")
    listed = shared.entry
    monkeypatch.setattr(shared, "entry", lambda name, content: {**listed(name, content), "size": 2**40})
    with pytest.raises(ValueError, match="1,099,512 MB"):
        SpaCRD.load("lab/model")
    assert not [request for request in shared.requests if "/resolve/" in request]


@pytest.mark.parametrize(
    ("status", "code", "kind", "message"),
    [
        (404, "RepoNotFound", FileNotFoundError, "neither a local folder nor a model on the hub called 'lab/model'"),
        (401, "", FileNotFoundError, "hf auth login"),
        (403, "GatedRepo", PermissionError, "gated. Accept the terms at https://huggingface.co/lab/model"),
        (404, "RevisionNotFound", FileNotFoundError, "called 'lab/model' at 'v2'"),
        (400, "", OSError, "The hub refused 'lab/model'"),
        (500, "", OSError, r"The hub refused 'lab/model' at 'v2': .*\. Try again later\.$"),
    ],
)
def test_refusals_say_what_to_do_and_never_the_token(hub, status, code, kind, message, capsys, caplog):
    caplog.set_level(logging.DEBUG, logger="spacrd")
    hub.status, hub.body = status, f"You sent Authorization: Bearer {TOKEN}, which is wrong"
    hub.headers = {"x-error-code": code, "x-error-message": f"token {TOKEN} is wrong"}
    for token in (None, TOKEN, "another-secret"):
        with pytest.raises(kind, match=message) as caught:
            SpaCRD.load("lab/model", revision="v2", token=token)
        seen = shown(caught.value, capsys.readouterr(), caplog.text)
        assert TOKEN not in seen.replace(f"token={TOKEN}", "")
        assert "another-secret" not in seen


@pytest.mark.parametrize("token", [None, "a-token-of-no-known-form"])
def test_errors_of_the_client_that_hold_the_token_are_told_without_it(hub, token, capsys, caplog):
    secret = token or TOKEN
    hub.error = RuntimeError(f"401 with headers {{'authorization': 'Bearer {secret}'}} and {secret}")
    with pytest.raises(OSError, match="RuntimeError: 401 with headers") as caught:
        SpaCRD.load("lab/model", token=token)
    assert secret not in shown(caught.value, capsys.readouterr(), caplog.text)


def test_pushing_writes_the_four_files_and_tells_no_token(model, monkeypatch, capsys):
    asked = []

    def create_repo(self, repo_id, **options):
        asked.append((self.token, repo_id, options))

    def upload_folder(self, *, repo_id, folder_path):
        asked.append((repo_id, sorted(path.name for path in Path(folder_path).iterdir())))
        return "https://huggingface.co/lab/new/commit/1"

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    assert model.push_to_hub("lab/new", token=TOKEN) == "https://huggingface.co/lab/new/commit/1"
    assert asked == [(TOKEN, "lab/new", {"private": True, "exist_ok": True}), ("lab/new", sorted(FILES))]

    def refuse(self, *_, **__):
        raise RuntimeError(f"403 for Bearer {TOKEN}")

    def refuse_in_words_of_its_own(self, *_, **__):
        raise RuntimeError("403 for a-token-of-no-known-form")

    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", refuse)
    with pytest.raises(OSError, match="refused 'lab/new'.*403 for <token>.*token that may write") as caught:
        model.push_to_hub("lab/new", token=TOKEN)
    assert TOKEN not in shown(caught.value, capsys.readouterr())
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse_in_words_of_its_own)
    with pytest.raises(OSError, match="403 for <token>"):
        model.push_to_hub("lab/new", token="a-token-of-no-known-form")


def test_a_card_of_ones_own_is_uploaded_in_place_of_the_short_one(model, monkeypatch):
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **__: None)
    monkeypatch.setattr(
        huggingface_hub.HfApi,
        "upload_folder",
        lambda _, *, repo_id, folder_path: Path(folder_path, "README.md").read_text(encoding="utf-8"),
    )
    assert model.push_to_hub("lab/new", card="# Ä card") == "# Ä card"
    assert "For research use only" in model.push_to_hub("lab/new")


def test_a_model_that_could_not_be_loaded_makes_no_repository(model, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(ValueError, match="n_neighbors"):
        SpaCRD(replace(model.config, n_neighbors=5000), model.parts, []).push_to_hub("lab/new")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"card": "nofile.md"}, ValueError, "no text of a model card. Pass what is in the file"),
        ({"card": Path("README.md")}, TypeError, "card must be the text of README.md"),
        ({"card": 3}, TypeError, "card must be the text"),
        ({"card": " "}, ValueError, "no text of a model card"),
        ({"repo_id": 3}, TypeError, "repo_id must be text"),
        ({"repo_id": "a/b/c"}, ValueError, "cannot name a model, which is 'user/name'"),
        ({"repo_id": ""}, ValueError, "cannot name a model"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_the_hub_is_asked(model, monkeypatch, arguments, error, message):
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(error, match=message):
        model.push_to_hub(**{"repo_id": "lab/new", **arguments})


def test_errors_of_pushing_speak_of_pushing(model, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", unreachable)
    with pytest.raises(ConnectionError, match="cannot be pushed to 'lab/new': the hub cannot be reached") as caught:
        model.push_to_hub("lab/new")
    assert "local folder" not in str(caught.value)
