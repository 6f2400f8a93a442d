"""What other programs read of this project agrees with itself, and the tests are as strict as they say."""

from __future__ import annotations

import ast
import os
import re
import socket
import sys
import tomllib
import warnings
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_socket import SocketBlockedError

import spacrd

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_one_version_everywhere() -> None:
    wanted = PROJECT["project"]["version"]
    assert spacrd.__version__ == version("spacrd") == wanted
    assert read("CITATION.cff")["version"] == read("docs/scverse/meta.yaml")["version"] == wanted
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    released = [name for name in headings if name != "Unreleased"]
    assert released[:1] in ([], [wanted])


NOT_DECLARED = {
    "distributed": "its Client comes from the user",
    "torchvision": "timm requires it; spacrd does without",
}
NOT_IMPORTED = {"scikit-misc": "scanpy imports it for flavor='seurat_v3'"}


def normal(name: str) -> str:
    """Name of a distribution as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_distributions() -> set[str]:
    """Distributions of the packages that the source imports, wherever in a file."""
    modules: set[str] = set()
    for path in Path(spacrd.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module).split(".")[0])
    distributions = packages_distributions()
    return {normal(distributions[name][0]) for name in modules - sys.stdlib_module_names - {"spacrd"}}


def test_declared_dependencies_are_those_that_the_source_imports() -> None:
    declared = {normal(re.split(r"[<>=\[; ]", line)[0]) for line in PROJECT["project"]["dependencies"]}
    assert declared - set(NOT_IMPORTED) == imported_distributions() - set(NOT_DECLARED)


def test_entry_of_the_ecosystem_list() -> None:
    entry = read("docs/scverse/meta.yaml")
    texts = ("name", "description", "project_home", "documentation_home", "license", "version", "primary_category")
    assert all(isinstance(entry[field], str) and entry[field] for field in texts)
    assert all(isinstance(entry[field], list) and entry[field] for field in ("tags", "contact"))
    assert entry["name"] == entry["install"]["pypi"] == PROJECT["project"]["name"]
    assert entry["license"] == PROJECT["project"]["license"] == read("CITATION.cff")["license"]
    assert entry["test_command"] in (ROOT / "README.md").read_text(encoding="utf-8").replace(".venv/bin/", "")


def test_workflows_test_what_hatch_tests() -> None:
    wanted = {
        (f"py{python}-{deps}", python)
        for part in PROJECT["tool"]["hatch"]["envs"]["hatch-test"]["matrix"]
        for deps in part["deps"]
        for python in part["python"]
    }
    matrix = read(".github/workflows/check.yml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    assert {(entry["environment"], entry["python"]) for entry in matrix} == wanted
    spoken = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if ":: 3." in line}
    assert {python for _, python in wanted} == spoken


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_little_and_trust_no_tag(workflow: Path) -> None:
    jobs = read(str(workflow.relative_to(ROOT)))
    assert jobs["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (.+)", workflow.read_text(encoding="utf-8"))
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)


def warn_at(module: str) -> None:
    """Warn of a line in ``module``."""
    warnings.warn_explicit("old", DeprecationWarning, "file.py", 1, module=module)


def test_a_warning_of_our_own_lines_fails_a_test() -> None:
    with pytest.raises(DeprecationWarning, match="old"):
        warn_at("spacrd.tl._fit")
    with pytest.warns(DeprecationWarning, match="old"):
        warn_at("pandas.core.frame")


def test_a_warning_of_spacrd_that_no_test_expects_fails_it() -> None:
    from spacrd._checks import warn

    with pytest.raises(spacrd.SpacrdWarning, match="look"):
        warn("look")
    with pytest.warns(spacrd.SpacrdWarning, match="look"):
        warn("look")


def test_tests_take_what_they_share_from_makers_alone() -> None:
    imports = re.compile(r"^\s*(?:from|import) [\w.]*\b(?:conftest|test_\w+)\b", re.M)
    files = [file for file in (ROOT / "tests").rglob("*.py") if imports.search(file.read_text(encoding="utf-8"))]
    assert not files, "put what two test modules share in tests/making"


def test_sockets_are_blocked() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket()


def test_a_process_of_tests_has_one_thread() -> None:
    import numba
    import torch

    if {os.environ["OMP_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"]} == {"1"}:
        assert (numba.get_num_threads(), torch.get_num_threads()) == (1, 1)


def test_progress_is_a_truth_value() -> None:
    with pytest.raises(TypeError, match="progress must be True or False, got 'no'"):
        spacrd.settings.progress = "no"
    assert spacrd.settings.progress is False
