"""The reference: every public name is in it, and its examples run as they stand.

Examples that name the setup of the page run after it, all others with nothing.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.making.reference import PAGE
from tests.making.studies import write_study

NAMES = re.findall(r"^   ([\w.]+)$", PAGE.read_text(), flags=re.MULTILINE)
MODULES = ("datasets", "encoders", "metrics", "model", "pl", "pp", "tl")
INSIDE = {"nn.NetworkConfig", "nn.SpaCRDNetwork"}
"""What a public class holds, for those who change it."""
NOT_RUN = {"spacrd.SpaCRD.push_to_hub": "asks the network"}


def _find(name: str) -> Any:
    value: Any = import_module("spacrd")
    for attribute in name.split("."):
        value = getattr(value, attribute)
    return value


@pytest.fixture
def names(reference_setup: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Copies of the sections, in a folder of its own beside real sections in miniature."""
    from spatialdata import deepcopy

    from spacrd import encoders

    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "her2st")
    sections = [deepcopy(section) for section in reference_setup["sections"]]
    yield {**reference_setup, "sections": sections, "section": sections[2]}
    encoders._registry._registered.clear()


def test_every_public_name_is_on_the_page() -> None:
    public = {f"{module}.{name}" for module in MODULES for name in import_module(f"spacrd.{module}").__all__}
    public |= {name for name in import_module("spacrd").__all__ if not isinstance(_find(name), ModuleType)}
    elsewhere = {"__version__", "model.RECIPES", "model.SpaCRD"}  # in running text, or under its short name
    assert set(NAMES) == (public - elsewhere) | INSIDE
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.filterwarnings("ignore:Section .* lies outside")  # they are small
@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_every_name_gives_what_it_shows(name: str, names: dict[str, Any]) -> None:
    thing = type(_find(name)) if name == "settings" else _find(name)
    finder = doctest.DocTestFinder(exclude_empty=False)
    examples = [test for test in finder.find(thing, f"spacrd.{name}", module=False, globs={}) if test.examples]
    assert any(test.name == f"spacrd.{name}" for test in examples), "there is no example"
    after_setup = any("setup of the examples" in (test.docstring or "") for test in examples)
    report: list[str] = []
    for test in examples:
        test.globs = dict(names) if after_setup else {}
        skipped = [example.source for example in test.examples if doctest.SKIP in example.options]
        assert not skipped or test.name in NOT_RUN, f"{test.name} shows what it does not run: {skipped}"
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=report.append)
    assert not report, "".join(report)
