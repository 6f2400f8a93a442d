"""The reference: every public name is in it, and its examples run after the setup that the page shows."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.datasets.test_her2st import write_study

PAGE = (Path(__file__).parents[1] / "docs" / "api" / "index.md").read_text()
NAMES = re.findall(r"^   ([\w.]+)$", PAGE, flags=re.MULTILINE)
MODULES = ("datasets", "encoders", "metrics", "model", "pl", "pp", "rivals", "tl")
INSIDE = {"nn.NetworkConfig", "nn.SpaCRDNetwork"}
"""What a public class holds, for those who change it."""
NOT_RUN = {"spacrd.SpaCRD.push_to_hub": "asks the network"}


def _find(name: str) -> Any:
    found: Any = import_module("spacrd")
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.fixture(scope="module")
def prepared() -> dict[str, Any]:
    """Names of the setup that the page shows, as a reader has them."""
    (setup,) = re.findall(r"<!-- docs: setup -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(setup, names)  # the setup is part of this repository
    return names


@pytest.fixture
def names(prepared: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Copies of the sections, in a folder of its own beside real sections in miniature."""
    from spatialdata import deepcopy

    from spacrd import encoders, rivals

    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "her2st")
    sections = [deepcopy(section) for section in prepared["sections"]]
    yield {**prepared, "sections": sections, "section": sections[2]}
    encoders._registry._registered.clear()
    rivals._registry._registered.clear()


def test_every_public_name_is_on_the_page() -> None:
    public = {f"{module}.{name}" for module in MODULES for name in import_module(f"spacrd.{module}").__all__}
    public |= {name for name in import_module("spacrd").__all__ if not isinstance(_find(name), ModuleType)}
    elsewhere = {"__version__", "model.RECIPES", "model.SpaCRD"}  # in running text, or under its short name
    assert set(NAMES) == (public - elsewhere) | INSIDE
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name: str, names: dict[str, Any]) -> None:
    thing = type(_find(name)) if name == "settings" else _find(name)
    finder = doctest.DocTestFinder(exclude_empty=False)
    found = [test for test in finder.find(thing, f"spacrd.{name}", module=False, globs=names) if test.examples]
    assert any(test.name == f"spacrd.{name}" for test in found), "there is no example"
    report: list[str] = []
    for test in found:
        skipped = [example.source for example in test.examples if doctest.SKIP in example.options]
        assert not skipped or test.name in NOT_RUN, f"{test.name} shows what it does not run: {skipped}"
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=report.append)
    assert not report, "".join(report)
